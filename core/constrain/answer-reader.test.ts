import { expect, test } from 'vitest'
import { createAnswerReader, type AnswerPart, type AnswerShape } from './answer-reader.ts'
import { toolFormatOf } from './tool-format.ts'

/** What an answer is read as, whole and a character at a time; pieces of one kind joined. */
function read(text: string, shape: AnswerShape): readonly string[] {
  const all = [[text], [...text]].map((pieces) => {
    const reader = createAnswerReader(shape)
    const parts = [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()]
    return joined(parts)
  })
  expect(all[1]).toEqual(all[0])
  return all[0] ?? []
}
function joined(parts: readonly AnswerPart[]): readonly string[] {
  const lines: string[] = []
  let last = ''
  for (const part of parts) {
    if (part.type === last) lines[lines.length - 1] += part.type === 'call' ? '' : part.text
    else lines.push(`${part.type}: ${part.type === 'call' ? part.name : part.text}`)
    last = part.type === 'call' ? '' : part.type
  }
  return lines
}

const FORMATS = {
  hermes: '<tool_call>',
  mistral: '[TOOL_CALLS]',
  'mistral with args': '[TOOL_CALLS][ARGS]',
  llama: 'Environment: ipython',
} as const
const names = ['get_weather', 'get']

test.each(Object.entries(FORMATS))('calls of %s are read as they are written, with text before them', (_, template) => {
  const format = toolFormatOf(template)
  const shape: AnswerShape = { reasoning: 'none', calls: { format, names } }
  const first = '{"city": "Zü}\\"rich", "days": {"n": [1]}}'
  const one = `Let me see. ${format.trigger}${format.open}${format.before('get_weather')}${first}${format.after}`
  expect(read(one + format.close, shape)).toEqual(['text: Let me see. ', 'call: get_weather', `arguments: ${first}`])
  if (format.separator === null) return
  const two = `${one}${format.separator}${format.before('get')}{}${format.after}${format.close}`
  expect(read(two, shape)).toEqual(['text: Let me see. ', 'call: get_weather', `arguments: ${first}`, 'call: get', 'arguments: {}'])
})

test('what looks like a call and names no tool is text; one that is cut keeps its arguments so far', () => {
  const format = toolFormatOf(null)
  const shape: AnswerShape = { reasoning: 'none', calls: { format, names } }
  expect(read('<tool_call>\n{"name": "other"}', shape)).toEqual(['text: <tool_call>\n{"name": "other"}'])
  expect(read('a <tool', shape)).toEqual(['text: a <tool'])
  expect(read('<tool_call>\n{"name": "get", "arguments": {"a', shape)).toEqual(['call: get', 'arguments: {"a'])
})

test('reasoning is told apart, whether prompt or answer opens it', () => {
  const shape = (reasoning: AnswerShape['reasoning']): AnswerShape => ({ reasoning, calls: null })
  expect(read('<think>\nHm. <b></think>\n\nYes.', shape('possible'))).toEqual(['reasoning: Hm. <b>', 'text: Yes.'])
  expect(read('Hm.</think>Yes.', shape('open'))).toEqual(['reasoning: Hm.', 'text: Yes.'])
  expect(read('Yes <think>', shape('possible'))).toEqual(['text: Yes <think>'])
  expect(read('Hm. </thi', shape('open'))).toEqual(['reasoning: Hm. </thi'])
  expect(read('<think>x</think>', shape('none'))).toEqual(['text: <think>x</think>'])
})
