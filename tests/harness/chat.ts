/** What tests of the chat endpoint share: the schemas of its answers, and a model that says what it is told. */
import { expect } from 'vitest'
import { z } from 'zod'
import type { TextModel } from '../../core/text/text-model.ts'
import { emberText, readEvents } from './gateway.ts'
import type { Script } from './scripted-backend.ts'

export const ANSWER = 'I am Ember, a tiny model. 👩‍🚀 Bye!'
export const ember: TextModel = await emberText()
/** A script of which every answer is `text`. */
export const says = (text: string): Script => ({ answer: () => ember.encode(text) })
/** Tokens without end, one every millisecond. */
export const endless = (): Script => ({
  answer: (request) => Array.from({ length: request.maxTokens }, () => 300),
  beforeToken: () => new Promise((resolve) => setTimeout(resolve, 1)),
})

export const USER = [{ role: 'user', content: 'Hello!' }]
export const CHAT = '/v1/chat/completions'
const errorSchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string(),
    n_prompt_tokens: z.number().optional(),
    n_ctx: z.number().optional(),
  }),
})
export const errorOf = async (response: Response) => errorSchema.parse(await response.json()).error
const usage = z.object({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  total_tokens: z.number(),
  prompt_tokens_details: z.object({ cached_tokens: z.number() }),
})
export const bodySchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.number(),
  model: z.string(),
  system_fingerprint: z.string(),
  choices: z.array(
    z.object({
      index: z.number(),
      message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
      finish_reason: z.string(),
      logprobs: z.null(),
    }),
  ),
  usage,
})
const chunkSchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.number(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.number(),
      delta: z.object({ role: z.string().optional(), content: z.string().nullable().optional() }).strict(),
      finish_reason: z.string().nullable(),
      logprobs: z.null(),
    }),
  ),
  usage: usage.nullable().optional(),
  obfuscation: z.string().optional(),
})
export const chunksOf = async (response: Response) => {
  const events = await readEvents(response)
  expect(events.at(-1)).toBe('[DONE]')
  return events.slice(0, -1).map((event) => chunkSchema.parse(event))
}
export const textOf = (chunks: Awaited<ReturnType<typeof chunksOf>>, index = 0): string =>
  chunks
    .flatMap((chunk) => chunk.choices)
    .filter((choice) => choice.index === index)
    .map((choice) => choice.delta.content ?? '')
    .join('')
