/** Streams through a ring, timed where a client sees them. Asked by token ids and without stop ids, so that every answer has its full length. */
import type { RingClient } from '../core/client/ring-client.ts'
import type { ModelId } from '../protocol/ids.ts'
import { GREEDY } from '../protocol/ring.ts'
import type { BenchModel } from './models.ts'

const PROMPT_TOKENS = 16

/** The prompt of stream `stream`: ids spread over the vocabulary, another list for each stream. */
export const promptOf = ({ vocabSize }: BenchModel, stream: number): readonly number[] =>
  Array.from({ length: PROMPT_TOKENS }, (_, i) => 3 + ((stream * 7919 + i * 104_729 + i * i * 31) % (vocabSize - 3)))

export type TimedStream = {
  readonly ids: readonly number[]
  /** Tokens of the prompt that an earlier answer had computed. */
  readonly cached: number
  /** Milliseconds from the request to each token. */
  readonly atMs: readonly number[]
}

export type StreamOptions = {
  /** As performance.now() tells it; default: now. */
  readonly started?: number
  readonly onToken?: (index: number) => void
  /** Of answers that may share computed prompts; default: none. */
  readonly cacheScope?: string | null
  /** An answer that is given instead of sampled, as far as it goes. */
  readonly givenIds?: readonly number[]
  /** Whether the ring may guess ahead; default: no, since answers of bench models repeat themselves as no text does. */
  readonly drafts?: boolean
}

/** One answer of its full length. */
export async function runStream(
  client: RingClient,
  model: ModelId,
  promptIds: readonly number[],
  maxTokens: number,
  { started = performance.now(), onToken = () => undefined, cacheScope = null, drafts = false, givenIds = [] }: StreamOptions = {},
): Promise<TimedStream> {
  let cached = 0
  const ids: number[] = []
  const atMs: number[] = []
  const { signal } = new AbortController()
  for await (const event of client.complete({ model, promptIds, sampling: GREEDY, stopIds: [], maxTokens, cacheScope, drafts, givenIds, signal })) {
    if (event.type !== 'token') continue
    if (event.index === 0) cached = event.cached
    ids.push(event.tokenId)
    atMs.push(performance.now() - started)
    onToken(event.index)
  }
  return { ids, cached, atMs }
}

export type StreamRates = {
  /** All tokens over wall time, prefill included. */
  readonly tokensPerSecond: number
  /** Tokens of all streams while all of them decode: after the last first token, until the first last one; NaN where there is no such time. */
  readonly decodePerSecond: number
  /** Until every stream has its first token. */
  readonly firstTokenMs: number
}
/** Token ids of each stream, when each came after the start, and how fast. */
export type StreamsRun = StreamRates & { readonly ids: readonly (readonly number[])[]; readonly atMs: readonly (readonly number[])[] }

/** @param times milliseconds from the common start to each token, a list for each stream */
export function ratesOf(times: readonly (readonly number[])[], wallMs: number): StreamRates {
  const from = Math.max(...times.map((atMs) => atMs[0] ?? Number.NaN))
  const to = Math.min(...times.map((atMs) => atMs.at(-1) ?? Number.NaN))
  const all = times.flat()
  const between = all.filter((at) => at > from && at <= to).length
  return {
    tokensPerSecond: (all.length / wallMs) * 1000,
    decodePerSecond: to > from ? (between / (to - from)) * 1000 : Number.NaN,
    firstTokenMs: from,
  }
}

/** Starts all prompts at once and waits for the last answer. @param onToken called with the number of the stream and the token's index @param drafts as of one stream */
export async function runStreams(
  client: RingClient,
  model: ModelId,
  prompts: readonly (readonly number[])[],
  maxTokens: number,
  onToken: (stream: number, index: number) => void = () => undefined,
  drafts = false,
): Promise<StreamsRun> {
  const started = performance.now()
  const streams = await Promise.all(
    prompts.map((prompt, i) => runStream(client, model, prompt, maxTokens, { started, onToken: (index) => onToken(i, index), drafts })),
  )
  const atMs = streams.map((stream) => stream.atMs)
  return { ...ratesOf(atMs, performance.now() - started), ids: streams.map(({ ids }) => ids), atMs }
}
