/** A device joins while four answers run: what answers notice of it. */
import { isDeepStrictEqual } from 'node:util'
import type { Page } from 'playwright-core'
import { placementState } from '../core/cluster/cluster-view.ts'
import { awaitView, openBenchCluster, wishFor } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport } from './report.ts'
import { openTab } from './soak.ts'
import { promptOf, runStreams, type StreamsRun } from './stream.ts'

const RING = 2
const STREAMS = 4

export type JoinOptions = { readonly model: BenchModel; readonly rounds: number; readonly say: (line: string) => void }

const gapsOf = (atMs: readonly number[]): readonly number[] => atMs.slice(1).map((at, i) => at - (atMs[i] ?? 0))

/** In each round a tab joins a ring of two that answers four questions at a time; it leaves again before the next. */
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
    const measurements: {
      readonly quietMs: number
      readonly joiningMs: number
      readonly answers: number
      readonly isEqual: boolean
      readonly servedAfterMs: number
    }[] = []
    for (let round = 0; round < rounds; round++) {
      const quiet = await ask()
      const started = performance.now()
      let isJoined = false
      let servedAfterMs = 0
      const join = async (): Promise<Page> => {
        const page = await openTab(cluster, `Joins-${round}`)
        await awaitRing(RING + 1)
        servedAfterMs = performance.now() - started
        return page
      }
      const joining = join().finally(() => {
        isJoined = true
      })
      joining.catch(() => undefined)
      const joined: StreamsRun[] = []
      // Until the ring of three serves, answers run: some of them see whatever there is to see.
      do joined.push(await ask())
      while (!isJoined)
      const page = await joining
      const after = await ask()
      const isEqual = [...joined, after].every(({ ids }) => isDeepStrictEqual(ids, quiet.ids))
      const longest = (runs: readonly StreamsRun[]): number => Math.max(...runs.flatMap(({ atMs }) => atMs.flatMap(gapsOf)))
      measurements.push({ quietMs: longest([quiet]), joiningMs: longest(joined), answers: joined.length * STREAMS, isEqual, servedAfterMs })
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
    return { browser: cluster.browser, tables: [{ title, columns: ['what', 'median', 'most'], rows }], measurements }
  } finally {
    await cluster.close()
  }
}
