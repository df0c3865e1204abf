/** Placements of one model over the tabs of this machine, one after the other: the lap that was predicted when each was made, and the lap that a client then sees. */
import { isDeepStrictEqual } from 'node:util'
import type { Placement, Strategy } from '../protocol/cluster.ts'
import { modelId, type ModelId } from '../protocol/ids.ts'
import { awaitView, openBenchCluster, readyPlacement, type BenchCluster } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Table } from './report.ts'
import { promptOf, runStreams } from './stream.ts'

export type PlacementBenchOptions = {
  readonly models: readonly BenchModel[]
  readonly rounds: number
  readonly say: (line: string) => void
}

type Case = { readonly strategy: Strategy; readonly tabs: number }
/** Neighbours differ in tabs or in shares, so that each is placed anew. */
const CASES: readonly Case[] = [
  { strategy: 'latency', tabs: 1 },
  { strategy: 'throughput', tabs: 3 },
  { strategy: 'latency', tabs: 2 },
  { strategy: 'latency', tabs: 3 },
  { strategy: 'throughput', tabs: 2 },
]
/** Of the first round nothing counts: what has not been in a ring yet has measured little. */
const WARM_ROUNDS = 1
const MOST_TABS = Math.max(...CASES.map(({ tabs }) => tabs))

type Sample = Case & {
  readonly model: string
  readonly round: number
  readonly shares: readonly number[]
  /** Null where too little was measured to predict. */
  readonly predictedMs: number | null
  readonly observedMs: number
}

/** Wishes for the model anew and waits for a placement of these terms that serves. */
async function place({ peer }: BenchCluster, model: BenchModel, as: ModelId, { strategy, tabs }: Case): Promise<Placement> {
  const { network } = peer
  const before = network.view().placements.get(as)?.epoch ?? -1
  network.wish({
    model: as,
    source: `/models/${model.name}`,
    strategy,
    quality: 'balanced',
    minDevices: tabs,
    maxDevices: tabs,
    contextLength: 512,
    localDevice: 'withdraw',
    state: 'serve',
  })
  return awaitView(network, `${strategy} over ${tabs}`, (view) => {
    const placement = readyPlacement(view, as, tabs)
    return placement && placement.epoch > before && placement.strategy === strategy ? placement : null
  })
}

/** Tokens at the beginning of an answer that count for nothing: caches are cold. */
const FIRST_TOKENS = 5

/** The mean time between two tokens of a lone stream, once its first ones are over: several may reach a client in one read, so that a median would say too little. */
async function observe({ peer }: BenchCluster, model: BenchModel, as: ModelId): Promise<{ readonly ids: readonly number[]; readonly lapMs: number }> {
  const { ids, atMs } = await runStreams(peer.client, as, [promptOf(model, 0)], model.answerTokens)
  const times = atMs[0]?.slice(FIRST_TOKENS) ?? []
  return { ids: ids[0] ?? [], lapMs: ((times.at(-1) ?? Number.NaN) - (times[0] ?? Number.NaN)) / (times.length - 1) }
}

async function measure(cluster: BenchCluster, model: BenchModel, options: PlacementBenchOptions): Promise<readonly Sample[]> {
  const as = modelId(`${model.name}-placed`)
  const samples: Sample[] = []
  let expected: readonly number[] | null = null
  for (let round = 0; round < options.rounds + WARM_ROUNDS; round++) {
    for (const terms of CASES) {
      const placement = await place(cluster, model, as, terms)
      // Twice: what the second sees has caches and connections as they stay.
      await observe(cluster, model, as)
      const { ids, lapMs } = await observe(cluster, model, as)
      expected ??= ids
      if (!isDeepStrictEqual(ids, expected)) throw new Error(`${terms.strategy} over ${terms.tabs} tabs gives other tokens`)
      const shares = placement.shards.map(({ startLayer, endLayer }) => endLayer - startLayer)
      const predictedMs = placement.predictedLapMs ?? null
      options.say(
        `${model.name} ${terms.strategy} over ${terms.tabs}: ${shares.join('+')} layers, predicted ${predictedMs?.toFixed(1) ?? '–'} ms, observed ${lapMs.toFixed(1)} ms`,
      )
      if (round >= WARM_ROUNDS) samples.push({ ...terms, model: model.name, round, shares, predictedMs, observedMs: lapMs })
    }
  }
  cluster.peer.network.unwish(as)
  return samples
}

const errorOf = ({ predictedMs, observedMs }: Sample): number => Math.abs((predictedMs ?? Number.NaN) - observedMs) / observedMs

function tableOf(model: BenchModel, samples: readonly Sample[]): Table {
  const predicted = samples.filter(({ predictedMs }) => predictedMs !== null)
  const rows = CASES.map(({ strategy, tabs }) => {
    const own = predicted.filter((sample) => sample.strategy === strategy && sample.tabs === tabs)
    return [
      strategy,
      tabs,
      own.at(-1)?.shares.join(' + ') ?? '–',
      median(own.map((sample) => sample.predictedMs ?? Number.NaN)),
      median(own.map((sample) => sample.observedMs)),
      `${(100 * median(own.map(errorOf))).toFixed(0)} %`,
    ]
  })
  const all = `${(100 * median(predicted.map(errorOf))).toFixed(1)} %`
  return {
    title: `${model.title}: ${predicted.length} of ${samples.length} placements predicted, median error ${all}`,
    columns: ['strategy', 'tabs', 'layers', 'predicted, ms', 'observed, ms', 'error'],
    rows,
  }
}

export async function benchPlacement(options: PlacementBenchOptions): Promise<BenchReport> {
  for (const model of options.models) await model.prepare()
  const cluster = await openBenchCluster({ tabs: MOST_TABS, modelsDir: BENCH_MODELS_DIR })
  try {
    const tables: Table[] = []
    const measurements: Sample[] = []
    for (const model of options.models) {
      const samples = await measure(cluster, model, options)
      measurements.push(...samples)
      tables.push(tableOf(model, samples))
    }
    return { browser: cluster.browser, tables, measurements }
  } finally {
    await cluster.close()
  }
}
