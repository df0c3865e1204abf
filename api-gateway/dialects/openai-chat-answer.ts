/** Bodies and chunks of chat completions. */
import { randomBytes } from 'node:crypto'
import type { EventStream } from '../http/event-stream.ts'
import { openAiErrorBody } from '../http/error-response.ts'
import type { ChoiceResult } from '../jobs/choice-result.ts'
import type { StreamWriter } from '../jobs/serve-job.ts'
import { choiceCount, usageOf, type JobEvent, type TextJob, type TokenCounts, type TokenInfo, type Usage } from '../jobs/text-job.ts'
import type { ChatTimings } from './chat-timings.ts'
import type { ChatRequest } from './openai-chat.ts'

/** What every body and chunk of one answer has in common. */
export type Envelope = { readonly id: string; readonly created: number; readonly model: string; readonly system_fingerprint: string }

/** The `content` of OpenAI's logprobs, in every dialect of theirs. */
export const logprobsContent = (tokens: readonly TokenInfo[]): readonly object[] =>
  tokens.map(({ token, bytes, logprob, top }) => ({
    token,
    logprob,
    bytes,
    top_logprobs: top.map((other) => ({ token: other.token, logprob: other.logprob, bytes: other.bytes })),
  }))
const logprobsOf = (job: TextJob, tokens: readonly TokenInfo[]): object | null =>
  job.topLogprobs === null ? null : { content: logprobsContent(tokens), refusal: null }

const messageOf = ({ text, reasoning, calls }: ChoiceResult): object => ({
  role: 'assistant',
  content: text === '' && calls.length > 0 ? null : text,
  refusal: null,
  ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
  ...(calls.length === 0
    ? {}
    : { tool_calls: calls.map(({ id, name, arguments: text }) => ({ id, type: 'function', function: { name, arguments: text } })) }),
})

export function chatBody(envelope: Envelope, job: TextJob, results: readonly ChoiceResult[], { timings }: ChatTimings): object {
  return {
    ...envelope,
    object: 'chat.completion',
    choices: results.map((result, index) => ({
      index,
      message: messageOf(result),
      finish_reason: result.reason,
      logprobs: logprobsOf(job, result.logprobs),
    })),
    usage: usageOf(job, results),
    timings: timings(),
  }
}

/** Chunks are filled up to multiples of this many characters, so that packet sizes tell nothing of the text. */
const PADDED_TO = 16
/** Drawn by the thousand: each draw by itself costs more than the rest of a token. */
let drawn = ''
function padding(content: string): string {
  const length = PADDED_TO - (content.length % PADDED_TO)
  if (drawn.length < length) drawn = randomBytes(3 * 1024).toString('base64url')
  const text = drawn.slice(0, length)
  drawn = drawn.slice(length)
  return text
}

/** What an event adds to the message, and how long that is; null for nothing. */
function deltaOf(event: JobEvent): { readonly delta: object; readonly shown: string } | null {
  switch (event.type) {
    case 'text':
      return event.text === '' ? null : { delta: { content: event.text }, shown: event.text }
    case 'reasoning':
      return { delta: { reasoning_content: event.text }, shown: event.text }
    case 'call': {
      const call = { index: event.index, id: event.id, type: 'function', function: { name: event.name, arguments: '' } }
      return { delta: { tool_calls: [call] }, shown: event.name }
    }
    case 'arguments':
      return { delta: { tool_calls: [{ index: event.index, function: { arguments: event.text } }] }, shown: event.text }
    case 'finish':
    case 'progress':
      return null
  }
}

/** Writes one stream: per choice a role, texts, a finish; then usage if asked, then the mark of the end. */
export function chatStreamWriter(envelope: Envelope, job: TextJob, { streaming, ...asked }: ChatRequest, watch: ChatTimings): StreamWriter {
  const opened = new Set<number>()
  /** Choices whose prompt is told to be read. */
  const read = new Set<number>()
  let hasBegun = false
  const counts: TokenCounts[] = []
  /** Of tokens whose text has not gone out yet, by choice. */
  const waiting = new Map<number, TokenInfo[]>()
  const usage = (): Usage => usageOf(job, counts)
  const chunk = (choices: readonly object[], extra: object = {}): object => ({
    ...envelope,
    object: 'chat.completion.chunk',
    choices,
    ...(streaming.everyChunk ? { usage: usage() } : streaming.includeUsage ? { usage: null } : {}),
    ...(asked.timings_per_token && hasBegun ? { timings: watch.timings() } : {}),
    ...extra,
  })
  const choiceOf = (index: number, delta: object, finish: string | null = null): object => {
    const tokens = waiting.get(index) ?? []
    waiting.delete(index)
    return { index, delta, finish_reason: finish, logprobs: tokens.length === 0 ? null : logprobsOf(job, tokens) }
  }
  const openChoice = (stream: EventStream, index: number): void => {
    if (opened.has(index)) return
    opened.add(index)
    stream.event(chunk([choiceOf(index, { role: 'assistant', content: null })]))
    hasBegun = true
  }
  /** A choice that has a token has its whole prompt behind it. */
  const tellProgress = (stream: EventStream, event: JobEvent): void => {
    if (!asked.return_progress || read.has(event.choice)) return
    const total = job.prompts[Math.floor(event.choice / job.choicesPerPrompt)]?.length ?? 0
    const [processed, cache] = event.type === 'progress' ? [event.processed, 0] : [total, event.cached]
    if (event.type !== 'progress') read.add(event.choice)
    else if (processed >= total) return
    openChoice(stream, event.choice)
    stream.event(chunk([choiceOf(event.choice, {})], watch.progress(processed, total, cache)))
  }
  return {
    event: (stream, event) => {
      watch.event(event)
      tellProgress(stream, event)
      if (event.type === 'progress') return
      counts[event.choice] = event
      openChoice(stream, event.choice)
      if (event.type === 'text' && event.logprobs) waiting.set(event.choice, [...(waiting.get(event.choice) ?? []), event.logprobs])
      const added = deltaOf(event)
      if (added) stream.event(chunk([choiceOf(event.choice, added.delta)], streaming.obfuscate ? { obfuscation: padding(added.shown) } : {}))
      if (event.type === 'finish') stream.event(chunk([choiceOf(event.choice, {}, event.reason)]))
    },
    finish: (stream) => {
      if (streaming.includeUsage && opened.size === choiceCount(job)) stream.event({ ...chunk([]), usage: usage(), timings: watch.timings() })
      stream.event('[DONE]')
    },
    error: (stream, error) => {
      stream.event(openAiErrorBody(error))
      stream.event('[DONE]')
    },
  }
}
