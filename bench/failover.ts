/**
 * Tabs are killed while they answer: by closing the page and by ending its process, at the head, in the middle and at the tail. Every
 * answer must be the undisturbed one; measured is the longest time between two tokens of it.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Page } from 'playwright-core'
import { shardState, type ClusterView } from '../core/cluster/cluster-view.ts'
import type { ModelId } from '../protocol/ids.ts'
import { peerOf } from '../tests/harness/page-app.ts'
import { awaitView, openBenchCluster, wishFor, type BenchCluster } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Table } from './report.ts'
import { promptOf, runStreams } from './stream.ts'

const WAYS = ['page closed', 'process ended'] as const
export const FAILOVER_PLACES = ['head', 'middle', 'tail'] as const
export type FailoverPlace = (typeof FAILOVER_PLACES)[number]
const RING = 3
/** A kill takes a moment: the last part of an answer is left for it. */
const LATEST_KILL = 0.6

export type FailoverOptions = {
  readonly models: readonly BenchModel[]
  /** Kills of each way at each place, with a spare and without. */
  readonly rounds: number
  /** Which rings to kill tabs of. */
  readonly spares: 'with' | 'without' | 'both'
  /** Which tabs of them. */
  readonly places: readonly FailoverPlace[]
  /** Other moments and prompts for another number: runs in pieces add up. */
  readonly seed: number
  readonly say: (line: string) => void
}

type Trial = {
  readonly spare: boolean
  readonly place: FailoverPlace
  readonly way: (typeof WAYS)[number]
  readonly gapMs: number
  readonly isEqual: boolean
}

const TAB = { auto: '1', name: 'Tab', backend: 'wasm', threads: '1', memory: '512' }

async function kill(page: Page, way: Trial['way']): Promise<void> {
  if (way === 'page closed') return page.close()
  const session = await page.context().newCDPSession(page)
  const gone = page.waitForEvent('crash')
  session.send('Page.crash').catch(() => undefined)
  await gone
}

/** A ring of three that serves, and what the spares are to hold ready. */
function isReady(view: ClusterView, model: string, spare: boolean): boolean {
  const placement = [...view.placements.values()].find((candidate) => candidate.model === model)
  if (placement?.shards.length !== RING || placement.shards.some((shard) => shardState(view, placement, shard) !== 'ready')) return false
  const held = placement.spares.filter((range) => range.endLayer > range.startLayer)
  return spare ? held.length >= RING && held.every((range) => shardState(view, placement, range) === 'ready') : placement.spares.length === 0
}

export async function benchFailover(options: FailoverOptions): Promise<BenchReport> {
  const tables: Table[] = []
  const measurements: Trial[] = []
  let browser = ''
  for (const model of options.models) {
    const measured = await killTabs(model, options)
    browser = measured.browser
    measurements.push(...measured.trials)
    tables.push(tableOf(model, measured.trials))
  }
  return { browser, tables, measurements }
}

type Killing = { readonly cluster: BenchCluster; readonly model: BenchModel; readonly ring: ModelId; readonly tabs: Set<Page> }
type KillAt = Pick<Trial, 'spare' | 'place' | 'way'> & { readonly prompt: number; readonly token: number }

/** One answer undisturbed, then the same with a tab killed in it; null when it was over before the tab was gone. */
async function killOnce({ cluster, model, ring, tabs }: Killing, { spare, place, way, prompt, token }: KillAt): Promise<Trial | null> {
  const { peer } = cluster
  while (tabs.size < (spare ? RING + 1 : RING)) tabs.add(await cluster.openWatchedTab(TAB))
  const placement = await awaitView(peer.network, 'a ring to kill tabs of', (view) =>
    isReady(view, ring, spare) ? (view.placements.get(ring) ?? null) : null,
  )
  const ask = (onToken?: (stream: number, index: number) => void) =>
    // As people ask: guesses are part of what must survive.
    runStreams(peer.client, ring, [promptOf(model, prompt)], model.answerTokens, onToken, true)
  const expected = await ask()
  const owner = placement.shards[FAILOVER_PLACES.indexOf(place)]?.peerId
  const ids = await Promise.all([...tabs].map(async (page) => [page, await peerOf(page)] as const))
  const victim = ids.find(([, id]) => id === owner)?.[0]
  if (!victim) throw new Error(`no tab is ${owner}`)
  tabs.delete(victim)
  let killing = Promise.resolve()
  let [seen, seenWhenGone] = [0, 0]
  const { ids: got, atMs } = await ask((_, index) => {
    seen = index + 1
    if (index === token)
      killing = kill(victim, way).then(() => {
        seenWhenGone = seen
      })
  })
  await killing
  if (seenWhenGone === model.answerTokens) return null
  const times = atMs[0] ?? []
  const gapMs = Math.max(...times.slice(1).map((at, i) => at - (times[i] ?? 0)))
  return { spare, place, way, gapMs, isEqual: isDeepStrictEqual(got, expected.ids) }
}

async function killTabs(
  model: BenchModel,
  { rounds, spares, places, seed, say }: FailoverOptions,
): Promise<{ readonly browser: string; readonly trials: readonly Trial[] }> {
  await model.prepare()
  const cluster = await openBenchCluster({ tabs: 0, modelsDir: BENCH_MODELS_DIR })
  try {
    const tabs = new Set<Page>()
    const trials: Trial[] = []
    const ring = wishFor(cluster.peer.network, model, `${model.name}-failover`, { minDevices: 1, maxDevices: RING })
    const latest = Math.floor(model.answerTokens * LATEST_KILL)
    for (const spare of [true, false].filter((has) => spares === 'both' || has === (spares === 'with'))) {
      for (const page of [...tabs].slice(spare ? RING + 1 : RING)) {
        tabs.delete(page)
        await page.close()
      }
      const kinds = WAYS.flatMap((way) => places.map((place) => ({ spare, way, place })))
      const kills = Array.from({ length: rounds }, (_, round) => kinds.map((kind) => ({ ...kind, prompt: round + seed }))).flat()
      for (const [number, one] of kills.entries()) {
        const started = performance.now()
        // A fixed spread of moments instead of chance: another run kills at the same ones.
        const token = 1 + (((number + 5 * seed) * 89) % latest)
        const trial = await killOnce({ cluster, model, ring, tabs }, { ...one, token })
        const what = `${spare ? 'with' : 'without'} a spare, ${one.place}, ${one.way} at token ${token}`
        const seconds = ((performance.now() - started) / 1000).toFixed(1)
        if (!trial) say(`${what}: not counted, the answer was over before the tab was gone (${seconds} s)`)
        else say(`${what}: ${trial.gapMs.toFixed(0)} ms, ${trial.isEqual ? 'equal' : 'DIFFERENT'} (${seconds} s in all)`)
        if (trial) trials.push(trial)
      }
    }
    if (trials.some((trial) => !trial.isEqual)) throw new Error('an answer differs from the undisturbed one')
    return { browser: cluster.browser, trials }
  } finally {
    await cluster.close()
  }
}

function tableOf(model: BenchModel, trials: readonly Trial[]): Table {
  const rows = [true, false]
    .filter((spare) => trials.some((trial) => trial.spare === spare))
    .flatMap((spare) =>
      FAILOVER_PLACES.filter((place) => trials.some((trial) => trial.place === place)).map((place) => {
        const gaps = trials.filter((trial) => trial.spare === spare && trial.place === place).map((trial) => trial.gapMs)
        const sorted = gaps.toSorted((a, b) => a - b)
        return [spare ? 'warm' : 'none', place, gaps.length, median(gaps), sorted[Math.ceil(0.95 * sorted.length) - 1] ?? null, Math.max(...gaps)]
      }),
    )
  return {
    title: `${model.title}: a ring of ${RING} loses a tab in mid-answer; all answers equal. Longest time between two tokens, ms`,
    columns: ['spare', 'lost', 'kills', 'p50', 'p95', 'most'],
    rows,
  }
}
