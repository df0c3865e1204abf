/** Chunks of a streamed chat completion (docs/api.md) as events of a chat. Pure. */
import { z } from 'zod'
import { ClusterError, isErrorCode } from '../../protocol/errors.ts'
import type { ChatChance, ChatEvent } from './page-engine.ts'
import type { SseEvent } from './sse-events.ts'

const callSchema = z.object({
  index: z.number().int().min(0),
  id: z.string().optional(),
  function: z.object({ name: z.string().optional(), arguments: z.string().optional() }),
})
const chanceSchema = z.object({ token: z.string(), logprob: z.number() })
const chunkSchema = z.object({
  choices: z.array(
    z.object({
      delta: z.object({ content: z.string().nullish(), reasoning_content: z.string().nullish(), tool_calls: z.array(callSchema).optional() }),
      finish_reason: z.enum(['stop', 'length', 'tool_calls', 'content_filter']).nullable(),
      logprobs: z
        .object({ content: z.array(chanceSchema.extend({ top_logprobs: z.array(chanceSchema) })) })
        .nullish()
        .catch(null),
    }),
  ),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
  prompt_progress: z.object({ total: z.number(), processed: z.number() }).optional(),
  timings: z.object({ prompt_ms: z.number(), predicted_per_second: z.number() }).optional(),
})
const failureSchema = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) })

export type ChunkReader = {
  /** @throws {ClusterError} what the stream tells as an error; internal for a chunk that is none */
  readonly push: (event: SseEvent) => readonly ChatEvent[]
}

/** A line's place is told in comments: `waiting, position 3, about 12 s`. */
function queueOf(comment: string): readonly ChatEvent[] {
  const [, position, seconds] = /^waiting, position (\d+)(?:, about (\d+) s)?/.exec(comment) ?? []
  return position === undefined ? [] : [{ type: 'queue', position: Number(position), seconds: seconds === undefined ? null : Number(seconds) }]
}

/** The error that a body or an event tells. */
export function failureOf(body: unknown, otherwise: string): ClusterError {
  const failure = failureSchema.safeParse(body)
  if (!failure.success) return new ClusterError('internal', otherwise)
  const { code, message } = failure.data.error
  return new ClusterError(typeof code === 'string' && isErrorCode(code) ? code : 'internal', message)
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

/** Logarithms may be rounded above zero. */
const chanceOf = ({
  token,
  logprob,
  top_logprobs: top,
}: {
  token: string
  logprob: number
  top_logprobs: { token: string; logprob: number }[]
}): ChatChance => ({
  text: token,
  logprob: Math.min(0, logprob),
  top: top.map((other): [string, number] => [other.token, Math.min(0, other.logprob)]),
})

export function createChunkReader(): ChunkReader {
  let completionTokens = 0
  let promptTokens = 0
  let finish: 'stop' | 'length' | 'tool_calls' | null = null
  let figures = { prompt_ms: 0, predicted_per_second: 0 }

  function eventsOf(chunk: z.infer<typeof chunkSchema>): ChatEvent[] {
    const events: ChatEvent[] = []
    completionTokens = chunk.usage?.completion_tokens ?? completionTokens
    promptTokens = chunk.usage?.prompt_tokens ?? promptTokens
    figures = chunk.timings ?? figures
    const progress = chunk.prompt_progress
    if (progress) events.push({ type: 'progress', processed: progress.processed, total: progress.total })
    for (const { delta, finish_reason: reason, logprobs } of chunk.choices) {
      if (logprobs && logprobs.content.length > 0) events.push({ type: 'chances', tokens: logprobs.content.map(chanceOf) })
      if (delta.reasoning_content) events.push({ type: 'reasoning', text: delta.reasoning_content, completionTokens })
      if (delta.content) events.push({ type: 'text', text: delta.content, completionTokens })
      for (const { index, id, function: called } of delta.tool_calls ?? []) {
        if (called.name !== undefined) events.push({ type: 'call', id: id ?? String(index), name: called.name, completionTokens })
        if (called.arguments) events.push({ type: 'arguments', index, text: called.arguments, completionTokens })
      }
      if (reason !== null) finish = reason === 'content_filter' ? 'stop' : reason
    }
    return events
  }

  return {
    push: (event) => {
      if (event.type === 'comment') return queueOf(event.text)
      if (event.data === '[DONE]') {
        if (finish === null) throw new ClusterError('ring_broken', 'the answer ended without its end')
        const { prompt_ms: firstTokenMs, predicted_per_second: tokensPerSecond } = figures
        return [{ type: 'done', finish, promptTokens, completionTokens, firstTokenMs, tokensPerSecond }]
      }
      const body = parsed(event.data)
      const chunk = chunkSchema.safeParse(body)
      if (chunk.success) return eventsOf(chunk.data)
      throw failureOf(body, 'the server answered in a way that this page does not know; reload it')
    },
  }
}
