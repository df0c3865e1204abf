/**
 * A tab that gets a tenth of its processor: its process is stopped for nine tenths of each period, worker and page alike. The speed of a
 * stream before, and from thirty seconds after; every answer must stay the undisturbed one.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ModelId } from '../protocol/ids.ts'
import { awaitView, openBenchServer, readyPlacement, sharesOf, wishFor } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { launchDevices, type HeadlessDevices } from '../scripts/headless-devices.ts'
import { renderersOf } from './process-memory.ts'
import { median, type BenchReport } from './report.ts'
import { promptOf, runStreams } from './stream.ts'

const TABS = 3
const PERIOD_MS = 100
const STOPPED_SHARE = 0.9
const SETTLED_MS = 30_000
/** An answer that the slow tab takes part in falls below this share of the speed before. */
const THROTTLED_AT_MOST = 0.6
/** Answers whose speed is taken, before and after. */
const ANSWERS = 4

export type StragglerOptions = { readonly model: BenchModel; readonly say: (line: string) => void }

/** Stops and continues processes by turns; returns the way to leave them running. */
function throttle(pids: ReadonlySet<number>): () => void {
  let stopTimer: NodeJS.Timeout | undefined
  const all = (signal: 'SIGCONT' | 'SIGSTOP'): void => pids.forEach((pid) => process.kill(pid, signal))
  const turn = (isStopped: boolean): void => {
    all(isStopped ? 'SIGCONT' : 'SIGSTOP')
    stopTimer = setTimeout(() => turn(!isStopped), PERIOD_MS * (isStopped ? 1 - STOPPED_SHARE : STOPPED_SHARE))
  }
  turn(false)
  return () => {
    clearTimeout(stopTimer)
    all('SIGCONT')
  }
}

export async function benchStraggler({ model, say }: StragglerOptions): Promise<BenchReport> {
  await model.prepare()
  const server = await openBenchServer(BENCH_MODELS_DIR)
  const launch = (count: number): Promise<HeadlessDevices> =>
    launchDevices({ count, url: server.url, executablePath: server.chromiumPath, backend: 'wasm', threads: 1, memoryMiB: 2048, say })
  // The slow tab has a browser of its own, so that its renderer is known. It comes first: it has the first layers, or many of them.
  const slow = await launch(1)
  const others = await launch(TABS - 1)
  let stopThrottling = (): void => undefined
  try {
    const { network, client } = server.peer
    const wish = (minDevices: number): ModelId =>
      wishFor(network, model, `${model.name}-throttled`, { strategy: 'throughput', minDevices, maxDevices: TABS })
    const as = wish(TABS)
    const first = await awaitView(network, 'a ring of all tabs', (view) => readyPlacement(view, as, TABS))
    // From now on it may do without one.
    wish(2)
    let expected: readonly number[] | null = null
    const answer = async (): Promise<number> => {
      const started = performance.now()
      const { ids } = await runStreams(client, as, [promptOf(model, 0)], model.answerTokens)
      expected ??= ids[0] ?? []
      if (!isDeepStrictEqual(ids[0], expected)) throw new Error('an answer changed')
      return model.answerTokens / ((performance.now() - started) / 1000)
    }
    const speeds = async (): Promise<number> => {
      const all: number[] = []
      for (let i = 0; i < ANSWERS; i++) all.push(await answer())
      return median(all)
    }
    await answer()
    const before = await speeds()
    say(`${sharesOf(first)} layers: ${before.toFixed(1)} tokens a second`)
    // Chromium keeps renderers beside the tab's: one of its own pages, one in reserve.
    stopThrottling = throttle(renderersOf(slow.browser.pid))
    const throttledAt = performance.now()
    const during: number[] = []
    while (performance.now() - throttledAt < SETTLED_MS) during.push(await answer())
    if (Math.min(...during) > THROTTLED_AT_MOST * before) throw new Error('the tab was stopped by turns and nothing became slower')
    const after = await speeds()
    const last = network.view().placements.get(as) ?? first
    say(`${sharesOf(last)} layers: ${after.toFixed(1)} tokens a second; meanwhile at least ${Math.min(...during).toFixed(1)}`)
    const rows = [
      [`before, ${sharesOf(first)} layers, tokens a second`, before],
      ['the slowest answer meanwhile', Math.min(...during)],
      [`from 30 s after, ${sharesOf(last)} layers`, after],
      ['of the speed before', after / before],
      ['changes of the ring', last.epoch - first.epoch],
    ] as const
    return {
      browser: `Chromium ${slow.browser.version}`,
      tables: [{ title: `${model.title}: one of ${TABS} tabs stopped for nine tenths of the time`, columns: ['what', 'figure'], rows }],
      measurements: { before, during, after, first: first.shards, last: last.shards },
    }
  } finally {
    stopThrottling()
    await Promise.all([slow.close(), others.close()])
    await server.close()
  }
}
