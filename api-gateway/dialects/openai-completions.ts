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
  logprobs: z.number().int().min(0).max(20).nullish(),
  response_format: formatSchema.nullish(),
})
export type CompletionRequest = z.infer<typeof completionBodySchema> & { readonly streaming: ReturnType<typeof streamOptionsOf> }

/** @throws {ClusterError} invalid_value, unsupported_field */
export function parseCompletionRequest(body: Readonly<Record<string, unknown>>): CompletionRequest {
  const fields = parseFields(completionBodySchema, body)
  refuseUnsupported(body, UNSUPPORTED)
  if (fields.echo && fields.logprobs !== null && fields.logprobs !== undefined)
    throw new ClusterError(
      'unsupported_field',
      'logprobs: together with echo, log probabilities of the prompt are asked for, which are not given here',
      {
        detail: { param: 'logprobs' },
      },
    )
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

/** OpenAI's older form: lists side by side, and the likeliest tokens as a dictionary. @param offset characters of the choice before the first token */
function logprobsOf(tokens: readonly TokenInfo[], offset: number): object {
  let at = offset
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ token, logprob, top }) => Object.fromEntries([...top, { token, logprob }].map((one) => [one.token, one.logprob]))),
    text_offset: tokens.map(({ token }) => (at += token.length) - token.length),
  }
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
    choices: results.map(({ text, reason, logprobs }, index) => {
      const echo = before[index] ?? ''
      return choiceOf(index, echo + text, reason, job.topLogprobs === null ? null : logprobsOf(logprobs, echo.length))
    }),
    usage: usageOf(job, results),
  }
}

export function completionStreamWriter(envelope: Envelope, job: TextJob, before: readonly string[], { streaming }: CompletionRequest): StreamWriter {
  const counts: TokenCounts[] = []
  /** Characters of each choice so far, for its log probabilities; and of tokens whose text has not gone out yet. */
  const offsets: number[] = []
  const waiting = new Map<number, TokenInfo[]>()
  const usage = (): Usage => usageOf(job, counts)
  const chunk = (choices: readonly object[]): object => ({
    ...envelope,
    object: 'text_completion',
    choices,
    ...(streaming.everyChunk ? { usage: usage() } : streaming.includeUsage ? { usage: null } : {}),
  })
  return {
    event: (stream, event) => {
      if (event.type !== 'text' && event.type !== 'finish') return
      const { choice } = event
      const isFirst = counts[choice] === undefined
      counts[choice] = event
      const echo = isFirst ? (before[choice] ?? '') : ''
      if (echo !== '') stream.event(chunk([choiceOf(choice, echo, null)]))
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
