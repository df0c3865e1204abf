import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { chatTemplateOutcomes } from '../../tests/conformance/chat-template-cases.ts'
import { ABSENT, GOLDEN_SETS } from '../../tests/fixtures/golden.ts'
import { createChatTemplate } from './chat-template.ts'

for (const set of GOLDEN_SETS) {
  test(`renders or refuses every conversation of ${set.name} as transformers does`, ({ skip }) => {
    skip(!set.present, ABSENT)
    const outcomes = chatTemplateOutcomes(fileURLToPath(new URL('chat-templates/', set.root)))
    expect(outcomes.length).toBeGreaterThan(3)
    for (const { name, checks, failures } of outcomes) {
      expect(checks, name).toBeGreaterThan(2)
      expect(failures, name).toEqual([])
    }
  })
}

const TOKENS = { bos_token: '<s>', eos_token: '</s>' }
const PLAIN = { addGenerationPrompt: false, continueFinal: false }

test('a refusal by the template is the caller’s error and carries its words', () => {
  const template = createChatTemplate("{% if messages[0].role != 'user' %}{{ raise_exception('users first') }}{% endif %}", TOKENS)
  expect(() => template.render([{ role: 'system', content: 'x' }], { ...PLAIN, addGenerationPrompt: true })).toThrow(
    expect.objectContaining({ code: 'invalid_value', message: expect.stringContaining('users first'), detail: { param: 'messages' } }),
  )
})

test('a template that does not parse is bad_checkpoint and says where', () => {
  expect(() => createChatTemplate('{% for m in messages %}{{ m.role', TOKENS)).toThrow(
    expect.objectContaining({ code: 'bad_checkpoint', message: expect.stringContaining('ends within a tag') }),
  )
})

test('tools and switches reach the template; without them tools are none and switches undefined', () => {
  const template = createChatTemplate("{{ tools is none }}{{ enable_thinking is defined }}{{ tools | map(attribute='name') | join }}", TOKENS)
  expect(template.render([], PLAIN)).toBe('TrueFalse')
  expect(template.render([], { ...PLAIN, variables: { tools: [{ name: 'f' }], enable_thinking: false } })).toBe('FalseTruef')
})

test('a continued message ends where its text does, also where the template trims it or it comes in parts', () => {
  const template = createChatTemplate('{% for m in messages %}<{{ m.content if m.content is string else m.content[-1].text }}>{% endfor %}', TOKENS)
  const trimming = createChatTemplate('{% for m in messages %}<{{ m.content | trim }}>{% endfor %}', TOKENS)
  const continued = { ...PLAIN, continueFinal: true }
  const turn = (content: unknown) => [{ role: 'assistant', content }]
  expect(template.render(turn(' I think '), continued)).toBe('< I think ')
  expect(trimming.render(turn(' I think '), continued)).toBe('<I think')
  expect(template.render(turn([{ type: 'image' }, { type: 'text', text: 'I am' }]), continued)).toBe('<I am')
  expect(() => template.render(turn([{ type: 'image' }]), continued)).toThrow(expect.objectContaining({ code: 'invalid_value' }))
})

test('strftime_now tells the given time', () => {
  const now = (): Date => new Date(2024, 6, 5, 9, 3, 7)
  const template = createChatTemplate("{{ strftime_now('%d %b %Y|%-d %B|%A %I:%M %p|%j|%y%m%d %H%M%S|%e|%q') }}", {}, now)
  expect(template.render([], PLAIN)).toBe('05 Jul 2024|5 July|Friday 09:03 AM|187|240705 090307| 5|%q')
})
