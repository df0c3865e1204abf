/** Bodies and chunks of chat completions. */
import { randomBytes } from 'node:crypto'
import { openAiErrorBody } from '../http/error-response.ts'
import type { ChoiceResult, StreamWriter } from '../jobs/serve-job.ts'
import { choiceCount, usageOf, type TextJob, type TokenCounts, type Usage } from '../jobs/text-job.ts'
import type { ChatRequest } from './openai-chat.ts'

/** What every body and chunk of one answer has in common. */
export type Envelope = { readonly id: string; readonly created: number; readonly model: string; readonly system_fingerprint: string }

export function chatBody(envelope: Envelope, job: TextJob, results: readonly ChoiceResult[]): object {
  return {
    ...envelope,
    object: 'chat.completion',
    choices: results.map(({ text, reason }, index) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      finish_reason: reason,
      logprobs: null,
    })),
    usage: usageOf(job, results),
  }
}

/** Chunks are filled up to multiples of this many characters, so that packet sizes tell nothing of the text. */
const PADDED_TO = 16
const padding = (content: string): string =>
  randomBytes(PADDED_TO)
    .toString('base64url')
    .slice(0, PADDED_TO - (content.length % PADDED_TO))

/** Writes one stream: per choice a role, texts, a finish; then usage if asked, then the mark of the end. */
export function chatStreamWriter(envelope: Envelope, job: TextJob, { streaming }: ChatRequest): StreamWriter {
  const opened = new Set<number>()
  const counts: TokenCounts[] = []
  const usage = (): Usage => usageOf(job, counts)
  const chunk = (choices: readonly object[], extra: object = {}): object => ({
    ...envelope,
    object: 'chat.completion.chunk',
    choices,
    ...(streaming.everyChunk ? { usage: usage() } : streaming.includeUsage ? { usage: null } : {}),
    ...extra,
  })
  const delta = (index: number, content: object, finish: string | null = null): object => ({
    index,
    delta: content,
    finish_reason: finish,
    logprobs: null,
  })
  return {
    event: (stream, event) => {
      if (event.type === 'progress') return
      counts[event.choice] = event
      if (!opened.has(event.choice)) {
        opened.add(event.choice)
        stream.event(chunk([delta(event.choice, { role: 'assistant', content: null })]))
      }
      if (event.type === 'finish') stream.event(chunk([delta(event.choice, {}, event.reason)]))
      else if (event.text !== '')
        stream.event(chunk([delta(event.choice, { content: event.text })], streaming.obfuscate ? { obfuscation: padding(event.text) } : {}))
    },
    finish: (stream) => {
      if (streaming.includeUsage && opened.size === choiceCount(job)) stream.event({ ...chunk([]), usage: usage() })
      stream.event('[DONE]')
    },
    error: (stream, error) => {
      stream.event(openAiErrorBody(error))
      stream.event('[DONE]')
    },
  }
}
