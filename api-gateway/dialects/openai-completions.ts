/** POST /v1/completions: OpenAI's text dialect, translated to a job and back. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { answerGrammar } from '../../core/constrain/tool-grammar.ts'
import type { TextModel } from '../../core/text/text-model.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import { openAiErrorBody } from '../http/error-response.ts'
import { PLAIN_ANSWER } from '../jobs/answer-plan.ts'
import type { ChoiceResult } from '../jobs/choice-result.ts'
import type { StreamWriter } from '../jobs/serve-job.ts'
import { choiceCount, usageOf, type TextJob, type TokenCounts, type TokenInfo, type Usage } from '../jobs/text-job.ts'
import { formatSchema, jsonRuleOf } from './tool-fields.ts'
import type { Envelope } from './openai-chat-answer.ts'
import {
  FOREIGN_FIELDS,
  isFalse,
  never,
  parseFields,
  refuseUnsupported,
  samplingFields,
  samplingOf,
  stopsOf,
  streamOptionsOf,
} from './openai-fields.ts'

const DEFAULT_MAX_TOKENS = 16
const MAX_PROMPTS = 128
const UNSUPPORTED = {
  ...FOREIGN_FIELDS,
  suffix: (value: unknown) => value === '',
  best_of: (value: unknown) => value === 1,
  echo: () => true,
  prompt_embeds: never,
  top_logprobs: never,
  tools: isFalse,
} as const

const ids = z.array(z.number().int().min(0)).min(1)
export const completionBodySchema = z.looseObject({
  ...samplingFields,
  model: z.unknown().optional(),
  prompt: z.union(
    [z.string().min(1), z.array(z.string().min(1)).min(1).max(MAX_PROMPTS), ids, z.array(ids).min(1).max(MAX_PROMPTS)],
    'expected a text, token ids, or a list of either, not empty',
  ),
  echo: z.boolean().nullish(),
  /** 0: nothing is sampled. With `echo` and `logprobs` the answer then tells how likely the prompt is. */
  max_tokens: z.number().int().min(0).nullish(),
  logprobs: z.number().int().min(0).max(20).nullish(),
  response_format: formatSchema.nullish(),
})
export type CompletionRequest = z.infer<typeof completionBodySchema> & { readonly streaming: ReturnType<typeof streamOptionsOf> }

/** @throws {ClusterError} invalid_value, unsupported_field */
export function parseCompletionRequest(body: Readonly<Record<string, unknown>>): CompletionRequest {
  const fields = parseFields(completionBodySchema, body)
  refuseUnsupported(body, UNSUPPORTED)
  return { ...fields, streaming: streamOptionsOf(fields) }
}

/** The prompts one by one, each a text or token ids. */
export function promptsOf({ prompt }: CompletionRequest): readonly (string | readonly number[])[] {
  if (typeof prompt === 'string') return [prompt]
  const isIds = (list: typeof prompt): list is number[] => typeof list[0] === 'number'
  return isIds(prompt) ? [prompt] : prompt
}

/** @throws {ClusterError} invalid_value for an id that the vocabulary does not have */
export function checkIds(promptIds: readonly number[], vocabSize: number, param = 'prompt'): void {
  const outside = promptIds.find((id) => id >= vocabSize)
  if (outside !== undefined)
    throw new ClusterError('invalid_value', `${param}: ${outside} is not a token id below ${vocabSize}`, { detail: { param } })
}

export function completionJob(request: CompletionRequest, model: ModelId, text: TextModel, prompts: readonly (readonly number[])[]): TextJob {
  return {
    model,
    text,
    prompts,
    choicesPerPrompt: request.n ?? 1,
    sampling: samplingOf(request, text),
    stops: stopsOf(request.stop),
    maxTokens: request.max_tokens ?? DEFAULT_MAX_TOKENS,
    continuesText: true,
    topLogprobs: request.logprobs ?? null,
    echoesLogprobs: (request.echo ?? false) && typeof request.logprobs === 'number',
    ...PLAIN_ANSWER,
    grammar: answerGrammar({ calls: null, json: jsonRuleOf(request.response_format, 'response_format', true), after: null }),
  }
}

export const newCompletionId = (): string => `cmpl-${randomUUID().replaceAll('-', '')}`

/** What echo puts before each choice: the text of its prompt. */
export function echoes(request: CompletionRequest, job: TextJob): readonly string[] {
  const prompts = promptsOf(request)
  return Array.from({ length: choiceCount(job) }, (_, choice) => {
    const prompt = prompts[Math.floor(choice / job.choicesPerPrompt)] ?? ''
    return request.echo ? (typeof prompt === 'string' ? prompt : job.text.decode(prompt)) : ''
  })
}

/** Nothing comes before the first token of a prompt, so it has no log probability. */
type Listed = TokenInfo | { readonly token: string; readonly logprob: null }

/** OpenAI's older form: lists side by side, and the likeliest tokens as a dictionary. @param offset characters of the choice before the first token */
function logprobsOf(tokens: readonly Listed[], offset: number): object {
  let at = offset
  const likeliest = (one: Listed): object | null =>
    one.logprob === null ? null : Object.fromEntries([...one.top, one].map((top) => [top.token, top.logprob]))
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(likeliest),
    text_offset: tokens.map(({ token }) => (at += token.length) - token.length),
  }
}

/** The tokens of a choice's prompt, where the job echoes their log probabilities. */
function echoedOf(job: TextJob, choice: number, behindFirst: readonly TokenInfo[]): readonly Listed[] {
  const [first] = job.prompts[Math.floor(choice / job.choicesPerPrompt)] ?? []
  if (!job.echoesLogprobs || first === undefined) return []
  return [{ token: new TextDecoder().decode(job.text.bytesOfToken(first)), logprob: null }, ...behindFirst]
}

const choiceOf = (index: number, text: string, finish: string | null, logprobs: object | null = null): object => ({
  index,
  text,
  logprobs,
  finish_reason: finish,
})

export function completionBody(envelope: Envelope, job: TextJob, before: readonly string[], results: readonly ChoiceResult[]): object {
  return {
    ...envelope,
    object: 'text_completion',
    choices: results.map(({ text, reason, logprobs, echoed }, index) => {
      const echo = before[index] ?? ''
      const listed = [...echoedOf(job, index, echoed), ...logprobs]
      return choiceOf(index, echo + text, reason, job.topLogprobs === null ? null : logprobsOf(listed, job.echoesLogprobs ? 0 : echo.length))
    }),
    usage: usageOf(job, results),
  }
}

export function completionStreamWriter(envelope: Envelope, job: TextJob, before: readonly string[], { streaming }: CompletionRequest): StreamWriter {
  const counts: TokenCounts[] = []
  /** Characters of each choice so far, for its log probabilities; and of tokens whose text has not gone out yet. */
  const offsets: number[] = []
  const waiting = new Map<number, TokenInfo[]>()
  const echoed = new Map<number, TokenInfo[]>()
  const usage = (): Usage => usageOf(job, counts)
  const chunk = (choices: readonly object[]): object => ({
    ...envelope,
    object: 'text_completion',
    choices,
    ...(streaming.everyChunk ? { usage: usage() } : streaming.includeUsage ? { usage: null } : {}),
  })
  return {
    event: (stream, event) => {
      if (event.type === 'progress' && event.echoed) echoed.set(event.choice, [...(echoed.get(event.choice) ?? []), event.echoed])
      if (event.type !== 'text' && event.type !== 'finish') return
      const { choice } = event
      const isFirst = counts[choice] === undefined
      counts[choice] = event
      const echo = isFirst ? (before[choice] ?? '') : ''
      if (echo !== '') {
        const listed = echoedOf(job, choice, echoed.get(choice) ?? [])
        stream.event(chunk([choiceOf(choice, echo, null, listed.length === 0 ? null : logprobsOf(listed, 0))]))
      }
      if (isFirst) offsets[choice] = echo.length
      if (event.type === 'text' && event.logprobs) waiting.set(choice, [...(waiting.get(choice) ?? []), event.logprobs])
      if (event.type === 'text' && event.text === '') return
      const tokens = waiting.get(choice) ?? []
      waiting.delete(choice)
      const logprobs = tokens.length === 0 ? null : logprobsOf(tokens, offsets[choice] ?? 0)
      offsets[choice] = (offsets[choice] ?? 0) + tokens.reduce((length, { token }) => length + token.length, 0)
      stream.event(chunk([choiceOf(choice, event.type === 'text' ? event.text : '', event.type === 'finish' ? event.reason : null, logprobs)]))
    },
    finish: (stream) => {
      if (streaming.includeUsage) stream.event({ ...chunk([]), usage: usage() })
      stream.event('[DONE]')
    },
    error: (stream, error) => {
      stream.event(openAiErrorBody(error))
      stream.event('[DONE]')
    },
  }
}
