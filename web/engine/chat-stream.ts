/** One chat answer as the page shows it: text as it becomes complete, then the figures people ask for. */
import type { RingClient } from '../../core/client/ring-client.ts'
import type { TextModel } from '../../core/text/text-model.ts'
import { GREEDY, type FinishReason } from '../../protocol/ring.ts'
import type { ChatEvent, ChatRequest } from './page-engine.ts'

export type ChatStreamOptions = {
  readonly client: RingClient
  readonly text: TextModel
  readonly contextLength: number
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly seed: string
}

/** @throws {ClusterError} as RingClient.complete does */
export async function* chatStream(request: ChatRequest, options: ChatStreamOptions): AsyncGenerator<ChatEvent, void, undefined> {
  const { client, text, now } = options
  const promptIds = text.encodeChat(request.messages.map((message) => ({ ...message })))
  const left = Math.max(1, options.contextLength - promptIds.length)
  const detokenizer = text.newDetokenizer()
  const started = now()
  let firstTokenMs = 0
  let completionTokens = 0
  let finish: FinishReason = 'stop'
  const sampling = { ...GREEDY, temperature: request.temperature, seed: options.seed }
  const stopIds = [...text.eosIds]
  const completion = client.complete({
    model: request.model,
    promptIds,
    sampling,
    stopIds,
    maxTokens: Math.min(request.maxTokens ?? left, left),
    cacheScope: 'chat',
    signal: request.signal,
  })
  for await (const event of completion) {
    if (event.type === 'progress') {
      yield event
      continue
    }
    completionTokens += 1
    if (completionTokens === 1) firstTokenMs = now() - started
    if (event.finish) finish = event.finish
    const piece = stopIds.includes(event.tokenId) ? '' : detokenizer.push(event.tokenId)
    if (piece) yield { type: 'text', text: piece, completionTokens }
  }
  const rest = detokenizer.end()
  if (rest) yield { type: 'text', text: rest, completionTokens }
  const decodeSeconds = (now() - started - firstTokenMs) / 1000
  const tokensPerSecond = completionTokens > 1 && decodeSeconds > 0 ? (completionTokens - 1) / decodeSeconds : 0
  yield { type: 'done', finish, promptTokens: promptIds.length, completionTokens, firstTokenMs, tokensPerSecond }
}
