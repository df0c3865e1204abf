/**
 * The contribute page beside its work: "about x ms each", which it says before anything is downloaded, against what a layer then takes in
 * the ring; and frames and long tasks of a page whose tab serves under load. Every answer must stay that of the first, undisturbed stream.
 */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { lapReportOf } from '../core/cluster/lap-figures.ts'
import type { PlainTab } from '../scripts/plain-browser.ts'
import { openBenchCluster, type BenchCluster, type BenchRing } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Table } from './report.ts'
import { promptOf, runStreams } from './stream.ts'

const TABS = 2
const STREAMS = 4
const LOADED_MS = 20_000
/** Streams one after the other, of which laps are smoothed. */
const LONE_STREAMS = 4
const ESTIMATE_TIMEOUT_MS = 120_000
const DEVICE = { backend: 'simd', weights: 'f32', threads: '1' } as const

export type PageBenchOptions = { readonly models: readonly BenchModel[]; readonly rounds: number; readonly say: (line: string) => void }

type Paint = { readonly frames: number; readonly ms: number; readonly longTasks: number; readonly longestMs: number; readonly longMs: number }
const paintSchema = z.object({ frames: z.number(), ms: z.number(), longTasks: z.number(), longestMs: z.number(), longMs: z.number() })

const WATCH = `{
  const seen = (globalThis.benchPaint = { frames: 0, longTasks: 0, longestMs: 0, longMs: 0, from: performance.now() })
  new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => {
    seen.longTasks += 1
    seen.longMs += duration
    seen.longestMs = Math.max(seen.longestMs, duration)
  })).observe({ type: 'longtask' })
  const frame = () => {
    seen.frames += 1
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
}`
const TAKE = '(({ from, ...seen }) => ({ ...seen, ms: performance.now() - from }))(globalThis.benchPaint)'

/** Milliseconds a layer, in the words of the page. @throws {Error} when it says something else */
function saidMs(sentence: string): number {
  const [, figure = '', unit] = /about ([\d.]+) (ms|s) each/.exec(sentence) ?? []
  if (unit === undefined) throw new Error(`the page said "${sentence}" instead of how long a layer takes`)
  return Number(figure) * (unit === 's' ? 1000 : 1)
}

/** What a page that has not joined says. */
async function readEstimate({ openWatchedTab }: BenchCluster): Promise<number> {
  const page = await openWatchedTab(DEVICE)
  try {
    const card = page.locator('estimate-card')
    await card.getByRole('button', { name: 'Try again' }).waitFor({ timeout: ESTIMATE_TIMEOUT_MS })
    return saidMs(await card.locator('.headline').innerText())
  } finally {
    await page.context().close()
  }
}

type Answers = { readonly expected: readonly (readonly number[])[]; readonly ask: (streams: number) => Promise<number> }

/** Asks the ring and holds every answer to the first one to the same prompt, each given by itself. */
async function checkedAnswers({ peer }: BenchCluster, ring: BenchRing, model: BenchModel): Promise<Answers> {
  const prompts = Array.from({ length: STREAMS }, (_, stream) => promptOf(model, stream))
  const expected: (readonly number[])[] = []
  for (const prompt of prompts) {
    const { ids } = await runStreams(peer.client, ring.model, [prompt], model.answerTokens)
    expected.push(ids[0] ?? [])
  }
  if (expected.some((ids) => ids.length !== model.answerTokens)) throw new Error('an answer is shorter than was asked for')
  return {
    expected,
    ask: async (streams) => {
      const { ids } = await runStreams(peer.client, ring.model, prompts.slice(0, streams), model.answerTokens)
      if (!isDeepStrictEqual(ids, expected.slice(0, streams))) throw new Error(`an answer of ${streams} at once is another one`)
      return ids.flat().length
    },
  }
}

/** Milliseconds a layer of each shard takes for a token of a lone stream, without the head. */
function takenMs({ peer }: BenchCluster, { model }: BenchRing): readonly number[] {
  const view = peer.network.view()
  const placement = view.placements.get(model)
  const stages = placement && lapReportOf(view, placement)?.stages
  if (!placement || !stages) throw new Error('the ring has measured no lap')
  return placement.shards.map(({ startLayer, endLayer }, i) => (stages[i]?.computeMs ?? Number.NaN) / (endLayer - startLayer))
}

async function watch(tab: PlainTab, work: () => Promise<void>): Promise<Paint> {
  await tab.evaluate(WATCH)
  await work()
  return paintSchema.parse(await tab.evaluate(TAKE))
}

type Measured = {
  readonly model: string
  readonly said: readonly number[]
  readonly taken: readonly number[]
  readonly tokens: number
  readonly paint: Paint
}

async function measure(cluster: BenchCluster, model: BenchModel, { rounds, say }: PageBenchOptions): Promise<Measured> {
  const ring = await cluster.ring(model, TABS)
  say(`${model.name}: what the page says …`)
  const said: number[] = []
  while (said.length < rounds) said.push(await readEstimate(cluster))
  const { ask } = await checkedAnswers(cluster, ring, model)
  for (let i = 0; i < LONE_STREAMS; i++) await ask(1)
  const taken = takenMs(cluster, ring)
  say(`${model.name}: ${said.join(', ')} ms said, ${taken.map((ms) => ms.toFixed(2)).join(' and ')} ms taken; frames under load …`)
  const [tab] = cluster.devices.tabs()
  if (!tab) throw new Error('there is no page to watch')
  let tokens = 0
  const paint = await watch(tab, async () => {
    const until = performance.now() + LOADED_MS
    while (performance.now() < until) tokens += await ask(STREAMS)
  })
  await cluster.drop(ring)
  return { model: model.name, said, taken, tokens, paint }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

export async function benchPage(options: PageBenchOptions): Promise<BenchReport> {
  for (const model of options.models) await model.prepare()
  const cluster = await openBenchCluster({ tabs: TABS, modelsDir: BENCH_MODELS_DIR, backend: DEVICE.backend, weights: DEVICE.weights })
  try {
    const measurements: Measured[] = []
    for (const model of options.models) measurements.push(await measure(cluster, model, options))
    const estimates: Table = {
      title: `Milliseconds a layer and token: said before download (median of ${options.rounds}), and taken in a ring of ${TABS} tabs`,
      columns: ['model', 'said', 'taken', 'said / taken'],
      rows: measurements.map(({ model, said, taken }) => [model, median(said), median(taken), median(said) / median(taken)]),
    }
    const frames: Table = {
      title: `The page of a tab that serves ${STREAMS} streams`,
      columns: ['model', 'tokens', 'seconds', 'frames a second', 'tasks over 50 ms', 'longest, ms', 'of the time'],
      rows: measurements.map(({ model, tokens, paint: { frames: count, ms, longTasks, longestMs, longMs } }) => [
        model,
        tokens,
        ms / 1000,
        (count / ms) * 1000,
        longTasks,
        longestMs,
        percent(longMs / ms),
      ]),
    }
    return { browser: cluster.browser, tables: [estimates, frames], measurements }
  } finally {
    await cluster.close()
  }
}
