import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { parseExactJson } from './exact-json.ts'
import { TemplateRefusal } from './refusal.ts'
import { compileTemplate } from './template.ts'

const FILE = readFileSync(new URL('../../tests/fixtures/text/jinja/cases.json', import.meta.url), 'utf8')
const { cases } = z
  .object({
    cases: z.array(z.object({ template: z.string(), rendered: z.string().optional(), error: z.string().optional(), message: z.string().optional() })),
  })
  .parse(JSON.parse(FILE))
const context = Object.fromEntries(
  z
    .map(z.string(), z.unknown())
    .transform((file) => file.get('context'))
    .pipe(z.map(z.string(), z.unknown()))
    .parse(parseExactJson(FILE)),
)

const outcomeOf = (template: string): string | TemplateRefusal => {
  try {
    return compileTemplate(template, () => new Date()).render(context)
  } catch (error) {
    if (error instanceof TemplateRefusal) return error
    throw error
  }
}

test('387 snippets render, or are refused, as Jinja 3.1 does it', () => {
  expect(cases.length).toBe(387)
  for (const { template, rendered, error, message } of cases) {
    const outcome = outcomeOf(template)
    if (rendered !== undefined) expect(outcome, template).toBe(rendered)
    else {
      expect(outcome, `${template} is ${error}`).toBeInstanceOf(TemplateRefusal)
      if (message !== undefined) expect(outcome, template).toMatchObject({ kind: 'TemplateError', message })
    }
  }
})

const ENDLESS = {
  'nested loops': '{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}',
  'a text doubled without end': '{% set ns = namespace(t="x") %}{% for a in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}',
  'a huge repetition': "{{ 'x' * 10 ** 12 }}",
  'a huge power': '{{ 10 ** 10000000000 }}',
  'a huge width': "{{ '%999999999999s' % 'x' }}",
  'an int squared without end': '{% set ns = namespace(t=10) %}{% for a in range(99) %}{% set ns.t = ns.t * ns.t %}{% endfor %}',
  'a list doubled without end': '{% set ns = namespace(t=[1]) %}{% for a in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}',
}
for (const [name, template] of Object.entries(ENDLESS)) {
  test(`${name} is refused rather than run`, () => expect(outcomeOf(template)).toMatchObject({ kind: 'LimitError' }))
}

test('exact JSON keeps ints, floats, large numbers and the order of keys that look like numbers', () => {
  const value = parseExactJson('{"b": 1, "10": 1.0, "2": [12345678901234567890, -3e-7, "\\u00e9", true, null, {}], "a": []}')
  const template = compileTemplate('{{ value }}{{ value | tojson }}', () => new Date())
  expect(template.render({ value })).toBe(
    "{'b': 1, '10': 1.0, '2': [12345678901234567890, -3e-07, 'é', True, None, {}], 'a': []}" +
      '{"b": 1, "10": 1.0, "2": [12345678901234567890, -3e-07, "é", true, null, {}], "a": []}',
  )
  expect(structuredClone(value)).toEqual(value)
})

test('what is no JSON is a SyntaxError, never a value', () => {
  for (const text of ['', '{', '[1,]', '{"a" 1}', '{1: 2}', '01', '"a', 'tru', '[1] 2', "{'a': 1}", '['.repeat(100_000)])
    expect(() => parseExactJson(text), text.slice(0, 20)).toThrow(SyntaxError)
})
