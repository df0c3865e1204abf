/**
 * Real tabs for half an hour: some stay, one comes and goes every 20 seconds, and answers run all the time. Every answer must be the
 * undisturbed one; measured is what is left behind, in the server's process and in the tabs that stayed.
 */
import { isDeepStrictEqual } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Page } from 'playwright-core'
import { placementState } from '../core/cluster/cluster-view.ts'
import type { ModelId } from '../protocol/ids.ts'
import { awaitView, openBenchCluster, wishFor, type BenchCluster } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Table } from './report.ts'
import { probeTab, WATCH_SCRIPT, type TabSample } from './soak-probe.ts'
import { promptOf, runStreams } from './stream.ts'

const STAYING_TABS = 4
const RING = 3
const STREAMS = 2
const CHURN_MS = 20_000
const SAMPLE_MS = 60_000
/** Between answers of one stream: a load that leaves the machine something. */
const REST_MS = 2_000

export type SoakOptions = { readonly model: BenchModel; readonly minutes: number; readonly say: (line: string) => void }

type ServerSample = { readonly heapMiB: number; readonly rssMiB: number; readonly timers: number; readonly sockets: number }
type Sample = { readonly minute: number; readonly server: ServerSample; readonly tabs: readonly TabSample[] }

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')
const MIB = 2 ** 20

/** Bench and server share this process: what the bench itself holds is small and constant. */
function probeServer(): ServerSample {
  if (typeof collect === 'function') collect()
  const resources = process.getActiveResourcesInfo()
  const { heapUsed, rss } = process.memoryUsage()
  return {
    heapMiB: heapUsed / MIB,
    rssMiB: rss / MIB,
    timers: resources.filter((name) => name === 'Timeout').length,
    sockets: resources.filter((name) => name.startsWith('TCP')).length,
  }
}

/** A tab that lends a little, and counts what it holds. */
export const openTab = ({ openWatchedTab }: BenchCluster, name: string): Promise<Page> =>
  openWatchedTab({ auto: '1', name, backend: 'simd', threads: '1', memory: '256' }, WATCH_SCRIPT)

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Answers, one after the other, until `isOver`; throws at the first that differs. Returns how many there were. */
async function answerAlways(cluster: BenchCluster, model: BenchModel, ring: ModelId, isOver: () => boolean): Promise<number> {
  const prompts = Array.from({ length: STREAMS }, (_, stream) => promptOf(model, stream))
  const ask = (prompt: readonly number[]) => runStreams(cluster.peer.client, ring, [prompt], model.answerTokens, undefined, true)
  const loops = prompts.map(async (prompt) => {
    const expected = (await ask(prompt)).ids
    let answers = 1
    for (; !isOver(); answers++) {
      await pause(REST_MS)
      if (!isDeepStrictEqual((await ask(prompt)).ids, expected)) throw new Error('an answer differs from the undisturbed one')
    }
    return answers
  })
  return (await Promise.all(loops)).reduce((sum, answers) => sum + answers, 0)
}

/** A visitor comes, stays for half of each period, and leaves: by closing its page, every third time by ending its process. */
async function churn(cluster: BenchCluster, isOver: () => boolean): Promise<number> {
  let visits = 0
  while (!isOver()) {
    const page = await openTab(cluster, `Visitor-${visits}`)
    await pause(CHURN_MS / 2)
    if (visits % 3 === 2) {
      const session = await page.context().newCDPSession(page)
      session.send('Page.crash').catch(() => undefined)
      await page.waitForEvent('crash')
    }
    await page.context().close()
    visits += 1
    await pause(CHURN_MS / 2)
  }
  return visits
}

export async function benchSoak({ model, minutes, say }: SoakOptions): Promise<BenchReport> {
  await model.prepare()
  const cluster = await openBenchCluster({ tabs: 0, modelsDir: BENCH_MODELS_DIR })
  try {
    const staying: Page[] = []
    for (let i = 0; i < STAYING_TABS; i++) staying.push(await openTab(cluster, `Stays-${i}`))
    const ring = wishFor(cluster.peer.network, model, `${model.name}-soak`, { minDevices: RING, maxDevices: RING })
    await awaitView(cluster.peer.network, 'a ring to soak', (view) => {
      const placement = view.placements.get(ring)
      return placement?.shards.length === RING && placementState(view, placement) === 'ready' ? true : null
    })
    const until = performance.now() + minutes * SAMPLE_MS
    const isOver = (): boolean => performance.now() >= until
    const working = Promise.all([answerAlways(cluster, model, ring, isOver), churn(cluster, isOver)])
    const samples: Sample[] = []
    const sampling = (async () => {
      for (let minute = 0; minute <= minutes; minute++) {
        const tabs = await Promise.all(staying.map(probeTab))
        samples.push({ minute, server: probeServer(), tabs })
        say(lineOf(samples.at(-1)))
        if (!isOver()) await pause(Math.min(SAMPLE_MS, until - performance.now()))
      }
    })()
    const [[answers, visits]] = await Promise.all([working, sampling])
    const stayed = staying.filter((page) => !page.isClosed()).length
    if (stayed !== STAYING_TABS) throw new Error(`${STAYING_TABS - stayed} tabs that should stay are gone`)
    const title = `${model.title}: ${minutes} minutes, ${visits} visits, ${answers} answers, all equal. Median of the first and last third, and of tabs the one that grew most`
    return { browser: cluster.browser, tables: [tableOf(title, samples)], measurements: samples }
  } finally {
    await cluster.close()
  }
}

const lineOf = (sample: Sample | undefined): string =>
  sample === undefined ? '' : JSON.stringify(sample, (_, value: unknown) => (typeof value === 'number' ? Math.round(value * 10) / 10 : value))

function tableOf(title: string, samples: readonly Sample[]): Table {
  // The first samples hold what is loaded and compiled for the first time.
  const third = Math.max(1, Math.floor(samples.length / 3))
  const [early, late] = [samples.slice(1, 1 + third), samples.slice(-third)]
  const row = (name: string, valueOf: (sample: Sample) => number): readonly (string | number)[] => {
    const [before, after] = [early, late].map((part) => median(part.map(valueOf)))
    return [name, before ?? Number.NaN, after ?? Number.NaN, (after ?? 0) / Math.max(1, before ?? 0)]
  }
  const tabRow = (name: string, key: keyof TabSample): readonly (string | number)[] => {
    const rows = Array.from({ length: STAYING_TABS }, (_, i) => row(name, ({ tabs }) => tabs[i]?.[key] ?? 0))
    return rows.toSorted((a, b) => Number(b[3]) - Number(a[3]))[0] ?? []
  }
  return {
    title,
    columns: ['what', 'early', 'late', 'late / early'],
    rows: [
      row('server: heap, MiB', ({ server }) => server.heapMiB),
      row('server: resident, MiB', ({ server }) => server.rssMiB),
      row('server: timers', ({ server }) => server.timers),
      row('server: sockets', ({ server }) => server.sockets),
      tabRow('tab: page heap, MiB', 'heapMiB'),
      tabRow('tab: page and workers, MiB', 'allMiB'),
      tabRow('tab: listeners', 'listeners'),
      tabRow('tab: timers of the page', 'timers'),
      tabRow('tab: timers of the engine', 'engineTimers'),
      tabRow('tab: peer connections', 'connections'),
      tabRow('tab: nodes', 'nodes'),
    ],
  }
}
