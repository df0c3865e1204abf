/**
 * A second turn after a long first one: time to the first token with the first turn's KV caches, beside that of the first turn and of
 * the same second turn computed whole. Every second turn must give what it gives computed whole.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Backend } from '../protocol/cluster.ts'
import { openBenchCluster, type BenchCluster, type BenchRing } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Table } from './report.ts'
import { runStream, type TimedStream } from './stream.ts'

/** Of the first prompt, of each answer, and of what the second turn adds. */
const TOKENS = { prompt: 500, answer: 16, more: 16 } as const
const CONTEXT_TOKENS = 640

export type PrefixOptions = {
  readonly models: readonly BenchModel[]
  readonly tabs: readonly number[]
  readonly backend: Backend
  readonly rounds: number
  readonly say: (line: string) => void
}
type Round = {
  readonly tabs: number
  readonly round: number
  readonly firstMs: number
  readonly secondMs: number
  /** Of the second turn computed whole. */
  readonly wholeMs: number
  readonly cachedTokens: number
}
type Measured = { readonly model: string; readonly rounds: readonly Round[] }

/** Ids spread over the vocabulary, others for each conversation. */
const idsOf = ({ vocabSize }: BenchModel, conversation: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => 3 + ((conversation * 7919 + i * 104_729 + i * i * 31) % (vocabSize - 3)))

const firstMs = ({ atMs }: TimedStream): number => atMs[0] ?? Number.NaN

async function converse(cluster: BenchCluster, ring: BenchRing, model: BenchModel, round: number): Promise<Round> {
  const { client } = cluster.peer
  const conversation = (round + 1) * 101 + ring.tabs
  const ask = (prompt: readonly number[], scope: string | null) => runStream(client, ring.model, prompt, TOKENS.answer, { cacheScope: scope })
  const prompt = idsOf(model, conversation, TOKENS.prompt)
  const first = await ask(prompt, `bench ${conversation}`)
  const next = [...prompt, ...first.ids, ...idsOf(model, conversation + 53, TOKENS.more)]
  const second = await ask(next, `bench ${conversation}`)
  const whole = await ask(next, null)
  if (first.cached + whole.cached > 0) throw new Error('a turn that must compute everything did not')
  if (!isDeepStrictEqual(second.ids, whole.ids)) throw new Error(`${model.name}: an answer from cached tokens differs from one computed whole`)
  return { tabs: ring.tabs, round, firstMs: firstMs(first), secondMs: firstMs(second), wholeMs: firstMs(whole), cachedTokens: second.cached }
}

async function measure(cluster: BenchCluster, model: BenchModel, options: PrefixOptions): Promise<Measured> {
  const rings: BenchRing[] = []
  for (const tabs of options.tabs) rings.push(await cluster.ring(model, tabs, CONTEXT_TOKENS))
  // The first answer of a ring pays for compiling.
  for (const ring of rings) await converse(cluster, ring, model, -1)
  const rounds: Round[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const ring of rings) rounds.push(await converse(cluster, ring, model, round))
    options.say(`${model.name}: round ${round + 1} of ${options.rounds}`)
  }
  for (const ring of rings) await cluster.drop(ring)
  return { model: model.name, rounds }
}

function tableOf(model: BenchModel, { rounds }: Measured, options: PrefixOptions): Table {
  const rows = options.tabs.map((tabs) => {
    const own = rounds.filter((round) => round.tabs === tabs)
    const middle = (of: (round: Round) => number): number => median(own.map(of))
    return [
      tabs,
      middle((round) => round.firstMs),
      middle((round) => round.wholeMs),
      middle((round) => round.secondMs),
      middle((round) => round.cachedTokens),
      middle((round) => round.secondMs / round.firstMs),
    ]
  })
  return {
    title: `${model.title}: first token of a second turn after ${TOKENS.prompt} tokens, ${options.backend}, ${options.rounds} rounds; all answers equal`,
    columns: ['tabs', 'first turn, ms', 'second turn computed whole, ms', 'second turn, ms', 'cached tokens', 'second to first'],
    rows,
  }
}

export async function benchPrefix(options: PrefixOptions): Promise<BenchReport> {
  for (const model of options.models) await model.prepare()
  const { backend, tabs } = options
  const cluster = await openBenchCluster({ tabs: Math.max(...tabs), modelsDir: BENCH_MODELS_DIR, backend })
  try {
    const tables: Table[] = []
    const measurements: Measured[] = []
    for (const model of options.models) {
      const measured = await measure(cluster, model, options)
      measurements.push(measured)
      tables.push(tableOf(model, measured, options))
    }
    return { browser: cluster.browser, tables, measurements }
  } finally {
    await cluster.close()
  }
}
