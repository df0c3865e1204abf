/** One chat answer straight from the ring, as the page shows it: text as it becomes complete, then the figures people ask for. */
import type { CompletionEvent, RingClient } from '../../core/client/ring-client.ts'
import { createAnswerReader, REASONING, type AnswerPart } from '../../core/constrain/answer-reader.ts'
import { reasoningAfter } from '../../core/text/reasoning-start.ts'
import type { TextModel } from '../../core/text/text-model.ts'
import { renderTools, type ToolTurn } from '../../core/text/tool-turns.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { FinishReason, Sampling } from '../../protocol/ring.ts'
import type { ChatEvent, ChatMessage, ChatRequest } from './page-engine.ts'

export type ChatStreamOptions = {
  readonly client: Pick<RingClient, 'complete'>
  readonly text: TextModel
  readonly contextLength: number
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly seed: string
}

/** Likeliest tokens told with each token. */
const TOP_CHANCES = 5

const turnOf = ({ role, content, reasoning, calls, callId }: ChatMessage): ToolTurn => ({
  role,
  content,
  ...(reasoning ? { reasoning_content: reasoning } : {}),
  ...(calls && calls.length > 0 ? { calls } : {}),
  ...(callId === undefined ? {} : { callId }),
})

/** What the request sets, the rest as the model's authors want it. */
function samplingOf({ sampling = {} }: ChatRequest, { defaultSampling }: TextModel, seed: string): Sampling {
  const given = Object.fromEntries(Object.entries(sampling).filter(([, value]) => value !== null && value !== undefined))
  return { ...defaultSampling, ...given, seed: sampling.seed === null || sampling.seed === undefined ? seed : String(sampling.seed) }
}

type TokenEvent = Extract<CompletionEvent, { type: 'token' }>
function chanceOf(text: TextModel, event: TokenEvent): ChatEvent | null {
  if (event.logprobs === null) return null
  const named = (id: number): string => new TextDecoder().decode(text.bytesOfToken(id))
  const { logprob, top } = event.logprobs
  return { type: 'chances', tokens: [{ text: named(event.tokenId), logprob, top: top.map(([id, chance]): [string, number] => [named(id), chance]) }] }
}

/** @throws {ClusterError} as RingClient.complete does; unsupported_field for tools, whose answers only the server keeps to their schema */
export async function* chatStream(request: ChatRequest, options: ChatStreamOptions): AsyncGenerator<ChatEvent, void, undefined> {
  const { client, text, now } = options
  if (request.tools && request.tools.length > 0)
    throw new ClusterError('unsupported_field', 'tools need the server, which is gone; take them out of the settings to ask the devices alone')
  const continueFinal = request.messages.at(-1)?.role === 'assistant'
  const promptIds = text.encodeChat(renderTools(request.messages.map(turnOf), [], text.chatTemplate).turns, { continueFinal })
  const left = Math.max(1, options.contextLength - promptIds.length)
  const reasoning = continueFinal ? 'none' : reasoningAfter(text, promptIds)
  const detokenizer = text.newDetokenizer({ continues: continueFinal, keeps: reasoning === 'none' ? [] : Object.values(REASONING) })
  const reader = createAnswerReader({ reasoning, calls: null })
  const started = now()
  let firstTokenMs = 0
  let completionTokens = 0
  let finish: FinishReason = 'stop'
  const stopIds = [...text.eosIds]
  const shown = (part: AnswerPart): ChatEvent[] =>
    part.type === 'text' || part.type === 'reasoning' ? [{ type: part.type, text: part.text, completionTokens }] : []
  const completion = client.complete({
    model: request.model,
    promptIds,
    sampling: samplingOf(request, text, options.seed),
    stopIds,
    maxTokens: Math.min(request.maxTokens ?? left, left),
    cacheScope: 'chat',
    ...(request.chances ? { topLogprobs: TOP_CHANCES } : {}),
    signal: request.signal,
  })
  for await (const event of completion) {
    if (event.type === 'progress') {
      if (event.queue) yield { type: 'queue', position: event.queue.position, seconds: event.queue.etaMs === null ? null : event.queue.etaMs / 1000 }
      else yield { type: 'progress', processed: event.processed, total: event.total }
      continue
    }
    completionTokens += 1
    if (completionTokens === 1) firstTokenMs = now() - started
    if (event.finish) finish = event.finish
    if (stopIds.includes(event.tokenId)) continue
    const chance = chanceOf(text, event)
    if (chance) yield chance
    for (const part of reader.push(detokenizer.push(event.tokenId))) yield* shown(part)
  }
  for (const part of [...reader.push(detokenizer.end()), ...reader.end()]) yield* shown(part)
  const decodeSeconds = (now() - started - firstTokenMs) / 1000
  const tokensPerSecond = completionTokens > 1 && decodeSeconds > 0 ? (completionTokens - 1) / decodeSeconds : 0
  yield { type: 'done', finish, promptTokens: promptIds.length, completionTokens, firstTokenMs, tokensPerSecond }
}
