/**
 * Tokens per second of rings of 1, 2 and 3 tabs, one stream and more. The rings of all sizes lie side by side over the same tabs
 * and are asked in turn, so that a ratio compares the same minutes of the machine; only the one that is asked computes.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ClusterView } from '../core/cluster/cluster-view.ts'
import type { Placement } from '../protocol/cluster.ts'
import type { PeerId } from '../protocol/ids.ts'
import { awaitView, openBenchCluster, type BenchCluster, sharesOf, type BenchClusterOptions, type BenchRing } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Table } from './report.ts'
import { promptOf, runStreams, type StreamsRun } from './stream.ts'

export type RingBenchOptions = Required<Pick<BenchClusterOptions, 'backend' | 'weights' | 'strategy'>> & {
  readonly models: readonly BenchModel[]
  readonly tabs: readonly number[]
  readonly streams: readonly number[]
  readonly rounds: number
  readonly say: (line: string) => void
}

/** Some more than the laps of both ways that a head compares (`runtime/stage/step-groups.ts`). */
const LEARN_TOKENS = 96
/** Runs of which a lap's split is the median. */
const LAP_RUNS = 3

type Cell = { readonly tabs: number; readonly streams: number }
type Sample = Cell & { readonly round: number } & Omit<StreamsRun, 'ids' | 'atMs'>
/** Where the time of one token of a lone stream goes, in milliseconds. */
type LapSplit = { readonly tabs: number; readonly lapMs: number; readonly layersMs: number | null }
type Measured = { readonly model: string; readonly samples: readonly Sample[]; readonly laps: readonly LapSplit[] }

export const promptsFor = (model: BenchModel, streams: number): (readonly number[])[] => Array.from({ length: streams }, (_, i) => promptOf(model, i))

/** Every ring gives each stream the ids that one tab gives it alone, one by one and all at once. @throws {Error} when not */
export async function checkAnswers(cluster: BenchCluster, rings: readonly BenchRing[], model: BenchModel, streams: number): Promise<void> {
  const prompts = promptsFor(model, streams)
  const [solo] = rings
  if (!solo) return
  const expected: (readonly number[])[] = []
  for (const prompt of prompts) expected.push(...(await runStreams(cluster.peer.client, solo.model, [prompt], model.answerTokens)).ids)
  if (new Set(expected.flat()).size < 8) throw new Error(`${model.name} says the same token again and again: equal answers would prove nothing`)
  for (const ring of rings) {
    const { ids } = await runStreams(cluster.peer.client, ring.model, prompts, model.answerTokens)
    if (!isDeepStrictEqual(ids, expected)) throw new Error(`${ring.tabs} tabs answer otherwise than one tab alone: nothing is timed`)
  }
}

/** A ring learns how so many streams best go around; what it has learned it keeps. */
async function learn(cluster: BenchCluster, ring: BenchRing, model: BenchModel, { streams }: RingBenchOptions): Promise<void> {
  for (const count of streams.filter((several) => several > 1)) {
    await runStreams(cluster.peer.client, ring.model, promptsFor(model, count), LEARN_TOKENS)
  }
}

async function measure(cluster: BenchCluster, rings: readonly BenchRing[], model: BenchModel, options: RingBenchOptions): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const streams of options.streams) {
      // There and back: a machine that slows down meanwhile favours no size.
      for (const ring of round % 2 === 0 ? rings : rings.toReversed()) {
        const { ids: _, atMs: __, ...run } = await runStreams(cluster.peer.client, ring.model, promptsFor(model, streams), model.answerTokens)
        samples.push({ tabs: ring.tabs, streams, round, ...run })
      }
    }
    options.say(`${model.name}: round ${round + 1} of ${options.rounds}`)
  }
  return samples
}

/** Rings that are placed by time change, and with them who serves. */
const placementNow = (view: ClusterView, { model, placement }: BenchRing): Placement => view.placements.get(model) ?? placement

/** What the devices of a ring say that its layers take now; null until they have said it. */
function layersMs(view: ClusterView, placement: Placement): number | null {
  const times = placement.shards.map(({ peerId, startLayer, endLayer }) => {
    const layerMs = view.peers.get(peerId)?.status.layerMs ?? null
    return layerMs === null ? null : layerMs * (endLayer - startLayer)
  })
  return times.includes(null) ? null : times.reduce<number>((sum, time) => sum + (time ?? 0), 0)
}

/** One lone stream, and what its devices measured meanwhile. A device tells of its newest ring only: drop newer ones before. */
async function splitLap(cluster: BenchCluster, ring: BenchRing, model: BenchModel): Promise<LapSplit> {
  const { network, client } = cluster.peer
  const handled = (view: ClusterView, peer: PeerId): number => view.peers.get(peer)?.status.framesHandled ?? 0
  const before = network.view()
  const { decodePerSecond } = await runStreams(client, ring.model, promptsFor(model, 1), model.answerTokens)
  const after = await awaitView(network, 'the figures of a ring', (view) => {
    const { shards } = placementNow(view, ring)
    const said = shards.every(({ peerId }) => handled(view, peerId) > handled(before, peerId) && view.peers.get(peerId)?.status.sequences === 0)
    return said ? view : null
  })
  return { tabs: ring.tabs, lapMs: 1000 / decodePerSecond, layersMs: layersMs(after, placementNow(after, ring)) }
}

async function splitLaps(cluster: BenchCluster, rings: readonly BenchRing[], model: BenchModel): Promise<readonly LapSplit[]> {
  const laps: LapSplit[] = []
  for (const ring of rings.toReversed()) {
    for (let run = 0; run < LAP_RUNS; run++) laps.push(await splitLap(cluster, ring, model))
    await cluster.drop(ring)
  }
  return laps
}

async function benchModel(cluster: BenchCluster, model: BenchModel, options: RingBenchOptions): Promise<Measured> {
  const rings: BenchRing[] = []
  for (const tabs of options.tabs) rings.push(await cluster.ring(model, tabs))
  await checkAnswers(cluster, rings, model, Math.max(...options.streams))
  const layersNow = (): string => rings.map((ring) => sharesOf(placementNow(cluster.peer.network.view(), ring))).join(', ')
  options.say(`${model.name}: ${options.tabs.join(', ')} tabs give equal token ids; layers by ${options.strategy}: ${layersNow()}`)
  for (const ring of rings) await learn(cluster, ring, model, options)
  const samples = await measure(cluster, rings, model, options)
  options.say(`${model.name}: layers at the end: ${layersNow()}`)
  return { model: model.name, samples, laps: await splitLaps(cluster, rings, model) }
}

/** Median over rounds of the ratio of all tokens over wall time in the same round. */
function ratio(samples: readonly Sample[], a: Cell, b: Cell): number {
  const at = ({ tabs, streams }: Cell, round: number): number =>
    samples.find((sample) => sample.tabs === tabs && sample.streams === streams && sample.round === round)?.tokensPerSecond ?? Number.NaN
  const rounds = [...new Set(samples.map(({ round }) => round))]
  return median(rounds.map((round) => at(a, round) / at(b, round)))
}

function ratesTable(model: BenchModel, { samples }: Measured, options: RingBenchOptions): Table {
  const [base = 1] = options.tabs
  const [one = 1] = options.streams
  const rows = options.streams.flatMap((streams) =>
    options.tabs.map((tabs) => {
      const own = samples.filter((sample) => sample.tabs === tabs && sample.streams === streams)
      const decode = own.map((sample) => sample.decodePerSecond)
      return [
        tabs,
        streams,
        median(own.map((sample) => sample.tokensPerSecond)),
        median(decode),
        `${Math.min(...decode).toPrecision(3)} – ${Math.max(...decode).toPrecision(3)}`,
        ratio(samples, { tabs, streams }, { tabs: base, streams }),
        ratio(samples, { tabs, streams }, { tabs, streams: one }),
      ]
    }),
  )
  const columns = ['tabs', 'streams', 'tok/s, all', 'tok/s, decode', 'least – most', `to ${base} tab`, `to ${one} stream`]
  return { title: `${model.title}: ${options.rounds} interleaved rounds of ${model.answerTokens} tokens`, columns, rows }
}

function lapsTable(model: BenchModel, { laps }: Measured, options: RingBenchOptions): Table {
  const rows = options.tabs.map((tabs) => {
    const own = laps.filter((lap) => lap.tabs === tabs)
    const lapMs = median(own.map((lap) => lap.lapMs))
    const outsideMs = median(own.map((lap) => lap.lapMs - (lap.layersMs ?? Number.NaN)))
    return [tabs, lapMs, median(own.map((lap) => lap.layersMs ?? Number.NaN)), outsideMs, outsideMs / tabs]
  })
  return {
    title: `${model.title}: one token of a lone stream, ms`,
    columns: ['tabs', 'lap', 'in layers and head', 'elsewhere', 'elsewhere a device'],
    rows,
  }
}

export async function benchRing(options: RingBenchOptions): Promise<BenchReport> {
  for (const model of options.models) await model.prepare()
  const cluster = await openBenchCluster({ ...options, tabs: Math.max(...options.tabs), modelsDir: BENCH_MODELS_DIR })
  try {
    const tables: Table[] = []
    const measurements: Measured[] = []
    for (const model of options.models) {
      const measured = await benchModel(cluster, model, options)
      measurements.push(measured)
      tables.push(ratesTable(model, measured, options), lapsTable(model, measured, options))
    }
    return { browser: cluster.browser, tables, measurements }
  } finally {
    await cluster.close()
  }
}
