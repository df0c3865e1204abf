/** experience.md, rows whose cases a small model does not bring about: the page over a played cluster, whose answers a test gives word by word. */
import { expect, test, type Page } from '@playwright/test'
import type { ChatEvent } from '../../web/engine/page-engine.ts'
import { startPageServer, type PageServer } from './page-server.ts'

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

async function open(page: Page, path = '/'): Promise<void> {
  page.on('console', (message) => expect.soft(message.type(), message.text()).not.toBe('error'))
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
  await page.goto(server.url + path)
  await expect(page.getByLabel('Your question')).toBeVisible()
}
async function ask(page: Page, question = 'Tell me'): Promise<void> {
  await page.getByLabel('Your question').fill(question)
  await page.getByLabel('Your question').press('Enter')
}
const answer = (page: Page, event: ChatEvent) => page.evaluate((given) => window.fixture.answer(given), event)
const text = (words: string): ChatEvent => ({ type: 'text', text: words, completionTokens: 1 })
const done = (finish: 'stop' | 'tool_calls' = 'stop'): ChatEvent => ({
  type: 'done',
  finish,
  promptTokens: 9,
  completionTokens: 40,
  firstTokenMs: 12,
  tokensPerSecond: 30,
})

/** What was on the page at any moment while an answer came character by character: tags, links, texts outside of code. */
async function stream(
  page: Page,
  markdown: string,
  isWhole = true,
): Promise<{ readonly tags: readonly string[]; readonly links: readonly string[]; readonly texts: readonly string[] }> {
  await page.evaluate(() => {
    const seen = { tags: new Set<string>(), links: new Set<string>(), texts: new Set<string>() }
    Object.assign(window, { seen })
    const find = (root: Document | ShadowRoot): Element[] =>
      [...root.querySelectorAll('*')].flatMap((element) => [
        ...(element.localName === 'markdown-text' ? [element] : []),
        ...(element.shadowRoot ? find(element.shadowRoot) : []),
      ])
    const look = (): void => {
      const section = find(document).at(-1)?.shadowRoot?.querySelector('section')
      if (!section) return
      for (const element of section.querySelectorAll('*')) seen.tags.add(element.localName)
      for (const link of section.querySelectorAll('a')) seen.links.add(link.getAttribute('href') ?? '')
      const plain = section.cloneNode(true)
      if (plain instanceof Element) for (const code of plain.querySelectorAll('code, .bar, math')) code.remove()
      seen.texts.add(plain.textContent ?? '')
    }
    const watch = (): void => {
      look()
      requestAnimationFrame(watch)
    }
    watch()
  })
  for (const character of markdown) await answer(page, text(character))
  if (isWhole) await answer(page, done())
  await page.evaluate(() => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))))
  return page.evaluate(() => {
    const seen = Reflect.get(window, 'seen') as Record<'tags' | 'links' | 'texts', Set<string>>
    return { tags: [...seen.tags], links: [...seen.links], texts: [...seen.texts] }
  })
}

test('C1: the place in the line, then the prompt’s progress, before the first token', async ({ page }) => {
  await open(page)
  await ask(page)
  await answer(page, { type: 'queue', position: 3, seconds: 12 })
  await expect(page.getByText('waiting in line, place 3, about 12 s')).toBeVisible()
  await answer(page, { type: 'progress', processed: 4, total: 9 })
  await expect(page.getByText('processing prompt 4/9')).toBeVisible()
  await answer(page, { type: 'pause', reason: 'The connection to the server broke. Trying again…' })
  await expect(page.getByText('The connection to the server broke. Trying again…')).toBeVisible()
})

test('C8: half a bold is bold, and no mark flashes', async ({ page }) => {
  await open(page)
  await ask(page)
  const { tags, texts } = await stream(page, 'So **very bold** and *soft* it is.\n\nLine\n- item\n- other')
  expect(tags).toEqual(expect.arrayContaining(['strong', 'em', 'li']))
  expect(tags.filter((tag) => /^h\d$/.test(tag))).toEqual([])
  expect(texts.filter((seen) => /[*]/.test(seen))).toEqual([])
  expect(texts.at(-1)).toContain('So very bold and soft it is.')
})

test('C8: an incomplete link is inert, a complete one safe', async ({ page }) => {
  await open(page)
  await ask(page)
  const { links, texts } = await stream(page, 'See [the docs](https://example.org/a) now')
  expect(links).toEqual(['https://example.org/a'])
  expect(texts.filter((seen) => /[[\]]|https/.test(seen))).toEqual([])
  await expect(page.getByRole('link', { name: 'the docs' })).toHaveAttribute('rel', 'noopener noreferrer nofollow')
})

test('C8: tables appear as tables, code as code with a copy button, in colours once it is whole', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await open(page)
  await ask(page)
  const code = 'const a = 1 < 2 // **no**'
  const { texts } = await stream(page, `| a | b |\n| - | - |\n| c | d |\n\n\`\`\`js\n${code}\n\`\`\`\n`)
  expect(texts.filter((seen) => /\||`/.test(seen))).toEqual([])
  await expect(page.getByRole('cell', { name: 'd' })).toBeVisible()
  await expect(page.locator('markdown-text .hljs-keyword')).toHaveText('const')
  await page.locator('markdown-text').getByRole('button', { name: 'Copy' }).click()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code)
})

test('C8: formulas are drawn as MathML, half ones are held back, and their code comes only then', async ({ page }) => {
  const scripts: string[] = []
  page.on('request', (request) => scripts.push(new URL(request.url()).pathname))
  await open(page)
  await ask(page)
  expect(scripts.filter((path) => path.includes('math-fragment'))).toEqual([])
  const { tags, texts } = await stream(page, 'Let $x_1^{*} = \\frac{1}{2}$ cost $5.\n\n$$\n\\sum_{i=0}^n i\n$$\n')
  expect(scripts.filter((path) => path.includes('math-fragment')).length).toBe(1)
  expect(tags).toEqual(expect.arrayContaining(['math', 'mfrac']))
  expect(texts.filter((seen) => /\$\$|\\sum/.test(seen))).toEqual([])
  await expect(page.locator('markdown-text math')).toHaveCount(2)
  await expect(page.locator('markdown-text')).toContainText('cost $5.')
})

test('C8: raw HTML, scripts, javascript: links and remote images do nothing while they come, and nothing after', async ({ page }) => {
  const foreign: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url)) foreign.push(request.url())
  })
  await open(page)
  await ask(page)
  const markdown =
    '<script>owned=1</script>\n\n<img src=x onerror="owned=1"> [a](javascript:owned=1) ![b](https://evil.example/x.png) $\\href{javascript:owned=1}{x}$'
  const { tags, links } = await stream(page, markdown)
  expect(tags.filter((tag) => ['script', 'img', 'iframe', 'object'].includes(tag))).toEqual([])
  expect(links.filter((link) => link !== '')).toEqual([])
  expect(await page.evaluate(() => 'owned' in window)).toBe(false)
  expect(foreign).toEqual([])
  await expect(page.locator('markdown-text')).toContainText('<script>owned=1</script>')
  await expect(page.locator('markdown-text')).toContainText('image not loaded: b')
})

test('C9: the picker tells the state of every model, and no choice leads nowhere', async ({ page }) => {
  await open(page, '/?scenario=models')
  await page.getByTitle('Choose a model').click()
  const models = page.getByRole('group', { name: 'Models' })
  const choice = (name: string) => models.getByRole('button', { name: new RegExp(`^${name}`) })
  await expect(choice('ember')).toContainText('Ready over 2 devices')
  await expect(choice('Qwen3 0.6B')).toContainText('Downloading 25 % over 2 devices')
  await expect(choice('Llama 3.1 8B')).toContainText('is short by 4301 MiB')
  await expect(choice('Llama 3.1 8B')).toBeDisabled()
  for (const button of await models.getByRole('button').all()) {
    const label = await button.innerText()
    expect(await button.isDisabled(), label).toBe(!/Ready|Downloading|Loading|Waiting|Load\b/.test(label))
  }
  const loadable = models
    .getByRole('button')
    .filter({ hasText: /Fits on/ })
    .first()
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.method() === 'POST' && one.url().includes('/v1/cluster/placements')),
    loadable.click(),
  ])
  expect(request.postDataJSON()).toMatchObject({ state: 'serve' })
})

test('C10: thinking is folded, calls of functions are shown, and their result leads to the next answer', async ({ page }) => {
  await open(page)
  await ask(page, 'Weather in Rome?')
  await answer(page, { type: 'reasoning', text: 'They want **weather**.', completionTokens: 3 })
  await expect(page.getByText('Thinking…')).toBeVisible()
  await expect(page.getByText('They want weather.')).toBeHidden()
  await page.getByText('Thinking…').click()
  await expect(page.getByText('They want weather.')).toBeVisible()
  await answer(page, { type: 'call', id: 'call1', name: 'weather', completionTokens: 5 })
  await answer(page, { type: 'arguments', index: 0, text: '{"place":', completionTokens: 6 })
  const call = page.getByRole('region', { name: 'Call of weather' })
  await expect(call).toContainText('{"place":')
  await answer(page, { type: 'arguments', index: 0, text: '"Rome"}', completionTokens: 7 })
  await answer(page, done('tool_calls'))
  await expect(call).toContainText('"place": "Rome"')
  await call.getByLabel('Its result').fill('Sunny')
  await call.getByRole('button', { name: 'Give result' }).click()
  await answer(page, text('It is sunny.'))
  await answer(page, done())
  await expect(page.getByRole('log')).toContainText('It is sunny.')
  const [, second] = await page.evaluate(() => window.fixture.requests())
  expect(second?.messages.slice(1)).toEqual([
    { role: 'assistant', content: '', reasoning: 'They want **weather**.', calls: [{ id: 'call1', name: 'weather', arguments: '{"place":"Rome"}' }] },
    { role: 'tool', content: 'Sunny', callId: 'call1' },
  ])
})

test('C13: a screen reader hears sentences, not tokens; the log is busy while an answer comes', async ({ page }) => {
  await open(page)
  await ask(page)
  const log = page.getByRole('log')
  await answer(page, text('One sentence is whole. The next'))
  await expect(log).toHaveAttribute('aria-busy', 'true')
  await expect(log).toHaveAttribute('aria-live', 'off')
  const live = page.locator('[data-live]')
  await expect(live).toHaveAttribute('aria-live', 'polite')
  await expect(live).toHaveText('One sentence is whole.')
  await answer(page, text(' one comes.'))
  await answer(page, done())
  await expect(live).toHaveText('The next one comes.')
  await expect(log).toHaveAttribute('aria-busy', 'false')
})
