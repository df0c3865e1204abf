/** A long prompt begins while four streams decode: how much slower they get, how long one pauses, and how long the prompt takes. */
import { isDeepStrictEqual } from 'node:util'
import type { ModelId } from '../protocol/ids.ts'
import { openBenchCluster, type BenchCluster, type BenchClusterOptions } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Table } from './report.ts'
import { promptsFor } from './ring.ts'
import { promptOf, runStreams } from './stream.ts'

const STREAMS = 4
const PROMPT_TOKENS = 1000
const CONTEXT_TOKENS = 1536
/** Enough that all of them still decode when the prompt is done: it has a fifth of the time. */
const answerTokens = (model: BenchModel): number => Math.min(26 * model.answerTokens, CONTEXT_TOKENS - 64)
/** Tokens of the first stream behind which the prompt begins. */
const BEGINS_AT = 48

export type PrefillOptions = Pick<BenchClusterOptions, 'backend' | 'weights' | 'strategy'> & {
  readonly models: readonly BenchModel[]
  readonly tabs: readonly number[]
  readonly rounds: number
  readonly say: (line: string) => void
}

type Sample = {
  readonly model: string
  readonly tabs: number
  /** Time to the first token of the prompt alone, and beside the streams, in milliseconds. */
  readonly aloneMs: number
  readonly besideMs: number
  /** Tokens per second of all four before and meanwhile. */
  readonly before: number
  readonly meanwhile: number
  readonly lapMs: number
  /** Longest time between two tokens of one stream meanwhile. */
  readonly pauseMs: number
}

const longPrompt = (model: BenchModel, salt: number): readonly number[] =>
  Array.from({ length: PROMPT_TOKENS }, (_, i) => promptOf(model, salt + 1 + Math.floor(i / 16))[i % 16] ?? 3)

const between = (times: readonly number[], from: number, to: number): number => times.filter((at) => at > from && at <= to).length

async function sample(
  cluster: BenchCluster,
  ring: { readonly model: ModelId; readonly tabs: number },
  model: BenchModel,
  round: number,
): Promise<Sample> {
  const { client } = cluster.peer
  // Another prompt each time: nothing of it is cached.
  const alone = await runStreams(client, ring.model, [longPrompt(model, 1000 * round + 100)], 2)
  const prompts = promptsFor(model, STREAMS)
  const begun = { at: 0, firstMs: 0 }
  const started = performance.now()
  const asked: Promise<readonly (readonly number[])[]>[] = []
  const onToken = (stream: number, index: number): void => {
    if (stream !== 0 || index !== BEGINS_AT) return
    begun.at = performance.now() - started
    const running = runStreams(client, ring.model, [longPrompt(model, 1000 * round + 501)], 2)
    asked.push(
      running.then((run) => {
        begun.firstMs = run.firstTokenMs
        return run.ids
      }),
    )
  }
  const { atMs, ids } = await runStreams(client, ring.model, prompts, answerTokens(model), onToken)
  const [beside] = await Promise.all(asked)
  const check = await runStreams(client, ring.model, [longPrompt(model, 1000 * round + 501)], 2)
  const expected = await runStreams(client, ring.model, [promptsFor(model, STREAMS)[round % STREAMS] ?? []], answerTokens(model))
  if (!isDeepStrictEqual(beside, check.ids) || !isDeepStrictEqual(ids[round % STREAMS], expected.ids[0]))
    throw new Error('an answer beside others differs from the answer alone: nothing is timed')
  const until = begun.at + begun.firstMs
  if (atMs.some((times) => (times.at(-1) ?? 0) < until)) throw new Error('a stream ended before the prompt was done: more tokens are needed')
  const steadyFrom = Math.max(...atMs.map((times) => times[8] ?? 0))
  const rate = (from: number, to: number): number => (1000 * atMs.reduce((sum, times) => sum + between(times, from, to), 0)) / (to - from)
  const gaps = (from: number, to: number): number[] =>
    atMs.flatMap((times) => times.slice(1).flatMap((at, i) => (at > from && (times[i] ?? 0) < to ? [at - (times[i] ?? 0)] : [])))
  return {
    model: model.name,
    tabs: ring.tabs,
    aloneMs: alone.firstTokenMs,
    besideMs: begun.firstMs,
    before: rate(steadyFrom, begun.at),
    meanwhile: rate(begun.at, until),
    lapMs: median(gaps(steadyFrom, begun.at)),
    pauseMs: Math.max(...gaps(begun.at, until)),
  }
}

export async function benchPrefill(options: PrefillOptions): Promise<BenchReport> {
  for (const model of options.models) await model.prepare()
  const cluster = await openBenchCluster({ ...options, tabs: Math.max(...options.tabs), modelsDir: BENCH_MODELS_DIR })
  try {
    const samples: Sample[] = []
    for (const model of options.models)
      for (const tabs of options.tabs) {
        const ring = await cluster.ring(model, tabs, CONTEXT_TOKENS)
        for (let round = 0; round < options.rounds; round++) {
          samples.push(await sample(cluster, ring, model, round))
          options.say(`${model.name} on ${tabs} tabs: round ${round + 1} of ${options.rounds}`)
        }
        await cluster.drop(ring)
      }
    const tables = options.models.map((model) => tableOf(model, samples, options))
    return { browser: cluster.browser, tables, measurements: samples }
  } finally {
    await cluster.close()
  }
}

function tableOf(model: BenchModel, samples: readonly Sample[], options: PrefillOptions): Table {
  const rows = options.tabs.map((tabs) => {
    const own = samples.filter((one) => one.model === model.name && one.tabs === tabs)
    const of = (pick: (one: Sample) => number): number => median(own.map(pick))
    return [
      tabs,
      of(({ aloneMs }) => aloneMs),
      of(({ besideMs }) => besideMs),
      of(({ before }) => before),
      of(({ meanwhile }) => meanwhile),
      of(({ meanwhile, before }) => meanwhile / before),
      of(({ lapMs }) => lapMs),
      Math.max(...own.map(({ pauseMs, lapMs }) => pauseMs / lapMs)),
    ]
  })
  return {
    title: `${model.title}: a prompt of ${PROMPT_TOKENS} tokens beside ${STREAMS} streams, ${options.rounds} rounds`,
    columns: ['tabs', 'prompt alone, ms', 'beside, ms', 'tok/s before', 'meanwhile', 'kept', 'lap, ms', 'longest pause, laps'],
    rows,
  }
}
