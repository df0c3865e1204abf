/** A device joins while four answers run, and servers end and come back: what answers notice of it. */
import { isDeepStrictEqual } from 'node:util'
import { placementState } from '../core/cluster/cluster-view.ts'
import { awaitView, openBenchCluster, wishFor } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport } from './report.ts'
import { openTab } from './soak.ts'
import { promptOf, runStreams } from './stream.ts'

const RING = 2
const STREAMS = 4

export type JoinOptions = { readonly model: BenchModel; readonly rounds: number; readonly say: (line: string) => void }

const gapsOf = (atMs: readonly number[]): readonly number[] => atMs.slice(1).map((at, i) => at - (atMs[i] ?? 0))

/** In each round a tab joins a ring of two that answers four questions; it leaves again before the next. */
export async function benchJoin({ model, rounds, say }: JoinOptions): Promise<BenchReport> {
  await model.prepare()
  const cluster = await openBenchCluster({ tabs: 0, modelsDir: BENCH_MODELS_DIR })
  try {
    const { network, client } = cluster.peer
    for (let i = 0; i < RING; i++) await openTab(cluster, `Member-${i}`)
    const ring = wishFor(network, model, `${model.name}-join`, { minDevices: RING, maxDevices: RING + 1 })
    const awaitRing = (tabs: number): Promise<unknown> =>
      awaitView(network, `a ring of ${tabs}`, (view) => {
        const placement = view.placements.get(ring)
        return placement?.shards.length === tabs && placementState(view, placement) === 'ready' ? placement : null
      })
    await awaitRing(RING)
    const prompts = Array.from({ length: STREAMS }, (_, stream) => promptOf(model, stream))
    const ask = () => runStreams(client, ring, prompts, model.answerTokens)
    await ask()
    const measurements: { readonly quietMs: number; readonly joiningMs: number; readonly isEqual: boolean; readonly servedAfterMs: number }[] = []
    for (let round = 0; round < rounds; round++) {
      const quiet = await ask()
      const running = ask()
      const started = performance.now()
      const page = await openTab(cluster, `Joins-${round}`)
      await awaitRing(RING + 1)
      const servedAfterMs = performance.now() - started
      const joined = await running
      const after = await ask()
      const isEqual = isDeepStrictEqual(joined.ids, quiet.ids) && isDeepStrictEqual(after.ids, quiet.ids)
      const longest = ({ atMs }: typeof quiet): number => Math.max(...atMs.flatMap(gapsOf))
      measurements.push({ quietMs: longest(quiet), joiningMs: longest(joined), isEqual, servedAfterMs })
      say(JSON.stringify(measurements.at(-1)))
      await page.context().close()
      await awaitRing(RING)
    }
    if (measurements.some(({ isEqual }) => !isEqual)) throw new Error('an answer differs from the undisturbed one')
    const of = (key: 'quietMs' | 'joiningMs' | 'servedAfterMs'): readonly number[] => measurements.map((one) => one[key])
    const row = (what: string, values: readonly number[]) => [what, median(values), Math.max(...values)] as const
    const title = `${model.title}: a tab joins a ring of ${RING} during ${STREAMS} answers, ${rounds} times; no error, all answers equal. Milliseconds`
    const rows = [
      row('longest time between two tokens, undisturbed', of('quietMs')),
      row('longest time between two tokens, while a tab joins', of('joiningMs')),
      row('from opening the tab to the ring of three', of('servedAfterMs')),
    ]
    return { browser: `Chromium ${cluster.devices.browser.version()}`, tables: [{ title, columns: ['what', 'median', 'most'], rows }], measurements }
  } finally {
    await cluster.close()
  }
}
