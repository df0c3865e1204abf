import { expect, test } from 'vitest'
import { markdownBlocks } from './markdown-html.ts'
import { settleMarkdown } from './streaming-markdown.ts'

const drawn = (source: string): string => markdownBlocks(settleMarkdown(source)).join('')

test('half a bold is bold already', () => {
  expect(drawn('This is **very imp')).toBe('<p>This is <strong>very imp</strong></p>')
  expect(drawn('This is **very important*')).toBe('<p>This is <strong>very important</strong></p>')
})

test('a mark that has only begun is held back', () => {
  expect(drawn('This is **')).toBe('<p>This is</p>')
  expect(drawn('Run `')).toBe('<p>Run</p>')
})

test('half a code span is code already', () => {
  expect(drawn('Run `npm sta')).toBe('<p>Run <code>npm sta</code></p>')
})

test('an incomplete link is inert text, a complete one a link', () => {
  expect(drawn('See [the docs](https://exam')).toBe('<p>See the docs</p>')
  expect(drawn('See [the do')).toBe('<p>See the do</p>')
  expect(drawn('See [the docs](https://example.org)')).toContain('href="https://example.org"')
})

test('a paragraph does not flash as a heading while a list or rule begins below it', () => {
  expect(drawn('A paragraph\n-')).toBe('<p>A paragraph</p>')
  expect(drawn('A paragraph\n---')).toBe('<p>A paragraph</p>')
  expect(drawn('A paragraph\n===')).toBe('<p>A paragraph</p>')
  expect(drawn('A paragraph\n\n##')).toBe('<p>A paragraph</p>')
})

test('a table appears once its delimiter row is there, not as a line of bars', () => {
  expect(drawn('Look:\n\n| a | b |')).toBe('<p>Look:</p>')
  expect(drawn('Look:\n\n| a | b |\n| --')).toBe('<p>Look:</p>')
  expect(drawn('Look:\n\n| a | b |\n| --- | --- |\n| 1')).toContain('<table>')
})

test('an open fence is code to its end, without a half-written closing fence', () => {
  expect(drawn('```js\nconst a = `x`\n``')).toBe('<pre data-language="js"><code>const a = `x`</code></pre>')
  expect(drawn('```js\nlet **b')).toContain('let **b')
})

test('text in code never counts as an open mark', () => {
  expect(drawn('Use `**` twice')).toBe('<p>Use <code>**</code> twice</p>')
})

test('finished text is left as it is', () => {
  const finished = 'One *two* **three** `four` [five](https://example.org).\n\n- six\n- seven\n\n```\neight\n```'
  expect(settleMarkdown(finished)).toBe(finished)
})

test('no prefix of an answer ever shows its raw marks outside of code', () => {
  const answer =
    'Intro with **bold words**, *soft ones*, `code` and a [link](https://example.org/a).\n\n- first **item**\n- second\n\n| h1 | h2 |\n|----|----|\n| c1 | c2 |\n\nEnd.'
  for (let length = 1; length <= answer.length; length++) {
    const text = drawn(answer.slice(0, length))
      .replace(/<code>[^<]*<\/code>/g, '')
      .replace(/<[^>]*>/g, '')
    expect(text, `after ${length} characters`).not.toMatch(/[*`[\]|]|https?:/)
  }
})

test('raw HTML becomes text', () => {
  expect(markdownBlocks('<script>alert(1)</script>').join('')).toBe('<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>')
  expect(markdownBlocks('a <b onclick=x>b</b>').join('')).toContain('&lt;b onclick=x&gt;')
})

test('formulas are told from money and from code, and keep what looks like Markdown', () => {
  const formula = (source: string) => [...drawn(source).matchAll(/<(?:span|div) data-math="(\w+)">(.*?)<\//gs)].map(([, kind, tex]) => [kind, tex])
  expect(formula('Let $x_1^{*}$ and \\(y * z * w\\) be.')).toEqual([
    ['inline', 'x_1^{*}'],
    ['inline', 'y * z * w'],
  ])
  expect(formula('$$\na < b\n$$')).toEqual([['block', 'a &lt; b']])
  expect(formula('So\n\n\\[ e^{i\\pi} \\]\n\nholds.')).toEqual([['block', 'e^{i\\pi}']])
  expect(formula('It costs $5 or $6, not `$x$`.')).toEqual([])
  expect(formula('It costs 5$ and 6$ more.')).toEqual([])
})

test('half a formula is held back, and so is its mark', () => {
  expect(drawn('Let \\(x_1 + ')).toBe('<p>Let</p>')
  expect(drawn('So\n\n$$\na + b')).toBe('<p>So</p>')
  expect(drawn('So \\')).toBe('<p>So </p>')
  expect(drawn('So $$')).toBe('<p>So</p>')
})
