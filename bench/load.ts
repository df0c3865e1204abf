/**
 * Loading a large random checkpoint into a real tab from a stand-in hub: its memory at most and in the end, how long the page stands
 * still meanwhile, what a cut connection costs, and what a reload fetches. What was loaded is compared before anything is said.
 */
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { placementState } from '../core/cluster/cluster-view.ts'
import type { Backend, WeightFormat } from '../protocol/cluster.ts'
import { modelId } from '../protocol/ids.ts'
import { GREEDY } from '../protocol/ring.ts'
import { startHub, type Fault, type HubRequest, type StandInHub } from '../tests/harness/hub.ts'
import { chromiumPath } from '../tests/harness/browser.ts'
import { awaitView, openBenchServer, wishRing, type BenchServer } from './cluster.ts'
import { openLoadTab, type LoadTab } from './load-tab.ts'
import { BENCH_MODELS_DIR, prepareLoadModel } from './models.ts'
import { uniform } from './random-checkpoint.ts'
import type { BenchReport, Table } from './report.ts'

export type LoadBenchOptions = {
  readonly mebibytes: number
  readonly backend: Backend
  readonly weights: WeightFormat | 'auto'
  readonly cuts: number
  readonly seed: number
  readonly say: (line: string) => void
}

const MODEL = modelId('bench/load')
const WEIGHTS = 'model.safetensors'
const ANSWER_TOKENS = 16
const MIB = 2 ** 20

type Loaded = {
  readonly how: string
  readonly seconds: number
  readonly peakBytes: number
  readonly heldBytes: number
  /** By the browser's own count. */
  readonly measuredBytes: number
  /** Of weights, as the device reports. */
  readonly weightBytes: number
  readonly longestTaskMs: number
  readonly longestFrameGapMs: number
  readonly fetchedBytes: number
  readonly cuts: number
  readonly answer: readonly (readonly number[])[]
}

/** Bytes of weights that the hub sent: whole ranges, and of those that were cut what came before. */
type Traffic = { readonly sentBytes: () => number; readonly cuts: () => number }

/** Cuts the connection that comes to one of `points`, byte offsets of the weights, each once. */
function watchTraffic(hub: StandInHub, points: readonly number[]): Traffic {
  const left = new Set(points)
  const counted = { bytes: 0, cuts: 0 }
  hub.fault = (request: HubRequest): Fault | null => {
    const { range, file, method } = request
    if (file !== WEIGHTS || method !== 'GET' || !range) return null
    const [point] = [...left].filter((at) => at >= range.start && at < range.end).sort((a, b) => a - b)
    counted.bytes += (point ?? range.end) - range.start
    if (point === undefined) return null
    left.delete(point)
    counted.cuts += 1
    return { type: 'cut', afterBytes: point - range.start }
  }
  return { sentBytes: () => counted.bytes, cuts: () => counted.cuts }
}

/** Seeded samples over the whole vocabulary, which any change of a logit moves, and the most probable tokens. */
async function answersOf({ peer }: BenchServer, vocabSize: number): Promise<readonly (readonly number[])[]> {
  const samplings = [GREEDY, { ...GREEDY, temperature: 1, seed: '1' }, { ...GREEDY, temperature: 1, seed: '2' }]
  const answers: (readonly number[])[] = []
  for (const sampling of samplings) {
    const promptIds = Array.from({ length: 24 }, (_, i) => (i * 7919 + 5) % vocabSize)
    const ids: number[] = []
    const { signal } = new AbortController()
    for await (const event of peer.client.complete({ model: MODEL, promptIds, sampling, stopIds: [], maxTokens: ANSWER_TOKENS, signal })) {
      if (event.type === 'token') ids.push(event.tokenId)
    }
    answers.push(ids)
  }
  if (new Set(answers.flat()).size < ANSWER_TOKENS) throw new Error('the answers hardly differ: that they are equal would prove nothing')
  return answers
}

type Scene = { readonly server: BenchServer; readonly hub: StandInHub; readonly vocabSize: number; readonly options: LoadBenchOptions }

/** From `begin` until the model is served and its memory has settled. */
async function watchLoad(
  { server, hub, vocabSize, options }: Scene,
  tab: LoadTab,
  how: string,
  points: readonly number[],
  begin: () => Promise<void>,
): Promise<Loaded> {
  const { network } = server.peer
  const traffic = watchTraffic(hub, points)
  await tab.takeStandstill()
  tab.memory.takePeak()
  const started = performance.now()
  await begin()
  const { placement } = await wishRing(network, 1, { model: MODEL, source: `${hub.endpoint}/${MODEL}/resolve/main` })
  const seconds = (performance.now() - started) / 1000
  const peak = tab.memory.takePeak()
  const standstill = await tab.takeStandstill()
  const measuredBytes = await tab.settle()
  const held = tab.memory.now()
  const kinds = options.backend === 'webgpu' ? (['renderer', 'gpu-process'] as const) : (['renderer'] as const)
  const total = (memory: typeof held): number => kinds.reduce((sum, kind) => sum + memory[kind], 0)
  const reports = [...network.view().peers.values()].flatMap(({ status }) => status.shards)
  const answer = await answersOf(server, vocabSize)
  options.say(`${how}: ${seconds.toFixed(1)} s, peak ${(total(peak) / MIB).toFixed(0)} MiB, held ${(total(held) / MIB).toFixed(0)} MiB`)
  return {
    ...{ how, seconds, measuredBytes, answer, ...standstill },
    peakBytes: total(peak),
    heldBytes: total(held),
    weightBytes: reports.find(({ epoch, model }) => model === MODEL && epoch === placement.epoch)?.heldBytes ?? Number.NaN,
    fetchedBytes: traffic.sentBytes(),
    cuts: traffic.cuts(),
  }
}

/** Resolves when what the tab served is gone. */
async function reload({ peer: { network } }: BenchServer, tab: LoadTab): Promise<void> {
  await tab.reload()
  await awaitView(network, 'the page to leave', (view) => {
    const placement = view.placements.get(MODEL)
    return placement && placementState(view, placement) === 'ready' ? null : true
  })
}

/** A tab with an empty profile that loads, and then is loaded anew as often as `reloads` says. */
async function loadInTab(
  scene: Scene,
  how: string,
  points: readonly number[],
  reloads: number,
): Promise<{ readonly runs: readonly Loaded[]; readonly browser: string }> {
  const { server, options } = scene
  const { network } = server.peer
  const tab = await openLoadTab({ ...options, url: server.url, chromiumPath: chromiumPath(), memoryMiB: 8 * options.mebibytes })
  try {
    await awaitView(network, 'a device', (view) => ([...view.peers.values()].some(({ capabilities }) => capabilities !== null) ? true : null))
    const runs = [await watchLoad(scene, tab, how, points, () => Promise.resolve())]
    for (let i = 0; i < reloads; i++) runs.push(await watchLoad(scene, tab, 'reload', [], () => reload(server, tab)))
    return { runs, browser: `Chromium ${tab.version}` }
  } finally {
    network.unwish(MODEL)
    await tab.close()
    await awaitView(network, 'the device to leave', (view) =>
      [...view.peers.values()].every(({ capabilities }) => capabilities === null) ? true : null,
    )
  }
}

function tableOf(runs: readonly Loaded[], { mebibytes, backend }: LoadBenchOptions): Table {
  return {
    title: `${mebibytes} MiB of bf16 in one tab, ${backend}, MiB and ms`,
    columns: ['load', 's', 'cuts', 'fetched', 'weights held', 'peak', 'held', 'peak to held', 'by the browser', 'longest task', 'longest frame gap'],
    rows: runs.map((run) => [
      run.how,
      run.seconds,
      run.cuts,
      run.fetchedBytes / MIB,
      run.weightBytes / MIB,
      run.peakBytes / MIB,
      run.heldBytes / MIB,
      run.peakBytes / run.heldBytes,
      run.measuredBytes / MIB,
      run.longestTaskMs,
      run.longestFrameGapMs,
    ]),
  }
}

export async function benchLoad(options: LoadBenchOptions): Promise<BenchReport> {
  const { folder, vocabSize } = await prepareLoadModel(options.mebibytes)
  const files: Record<string, Uint8Array> = {}
  for (const name of await readdir(folder)) files[name] = await readFile(path.join(folder, name))
  await using hub = await startHub(files, Infinity)
  const server = await openBenchServer(BENCH_MODELS_DIR, { HF_ENDPOINT: hub.endpoint })
  try {
    const scene = { server, hub, vocabSize, options }
    const next = uniform(options.seed)
    const points = Array.from({ length: options.cuts }, () => Math.floor(next() * (files[WEIGHTS]?.length ?? 0)))
    const { runs, browser } = await loadInTab(scene, 'cold', [], 1)
    const cut = await loadInTab(scene, 'cold, cut', points, 0)
    const all = [...runs, ...cut.runs]
    for (const run of all)
      if (!isDeepStrictEqual(run.answer, runs[0]?.answer)) throw new Error(`${run.how}: the model answers otherwise than after the first load`)
    return { browser, tables: [tableOf(all, options)], measurements: { ...options, say: undefined, runs: all } }
  } finally {
    await server.close()
  }
}
