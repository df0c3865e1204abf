/**
 * Guessing ahead by what was said before, on and off in turns, with a delay in every link. Answers are given, so that it is known how
 * much they quote; that guesses change no answer is checked first on answers that are sampled.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { folderSource } from '../api-gateway/folder-source.ts'
import { loadText } from '../core/text/text-model.ts'
import type { Backend, WeightFormat } from '../protocol/cluster.ts'
import { openBenchCluster, type BenchCluster, type BenchRing } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Table } from './report.ts'
import { runStream } from './stream.ts'

const ROOT = path.join(import.meta.dirname, '..')
/** One way, in milliseconds. */
const HOP_MS = 20
const TOKENS = { document: 200, answer: 96, sampled: 64 } as const
/** In an answer that quotes, every so many tokens one is another than in the document. */
const EDIT_EVERY = 24

export type LookupOptions = {
  readonly models: readonly BenchModel[]
  readonly tabs: readonly number[]
  readonly backend: Backend
  readonly weights: WeightFormat | 'auto'
  readonly rounds: number
  readonly say: (line: string) => void
}
type Task = { readonly name: 'quoting' | 'prose'; readonly prompt: readonly number[]; readonly answer: readonly number[] }
type Pair = {
  readonly model: string
  readonly tabs: number
  readonly task: string
  readonly round: number
  readonly off: number
  readonly on: number
}

/** English prose of this repository in the model's tokens, other pages for the prompt than for the answer that does not quote. */
async function tasksOf({ name }: BenchModel): Promise<readonly Task[]> {
  const folder = path.join(name === 'ember' ? path.join(ROOT, 'models') : BENCH_MODELS_DIR, name)
  const { encode } = await loadText(folderSource(folder))
  const ids = async (file: string): Promise<readonly number[]> => encode(await readFile(path.join(ROOT, 'docs', file), 'utf8'))
  const prompt = (await ids('architecture.md')).slice(0, TOKENS.document)
  const prose = (await ids('decisions/0007-ask-for-what-is-missing.md')).slice(0, TOKENS.answer)
  const quoted = prompt.slice(40, 40 + TOKENS.answer).map((id, i) => (i % EDIT_EVERY === EDIT_EVERY - 1 ? (prompt[i] ?? id) : id))
  return [
    { name: 'quoting', prompt, answer: quoted },
    { name: 'prose', prompt, answer: prose },
  ]
}

/** Tokens a second behind the first one. */
async function rateOf(cluster: BenchCluster, ring: BenchRing, { prompt, answer }: Task, drafts: boolean): Promise<number> {
  const { ids, atMs } = await runStream(cluster.peer.client, ring.model, prompt, answer.length, { drafts, givenIds: answer })
  if (!isDeepStrictEqual(ids, answer)) throw new Error('an answer is not the one that was given')
  return ((ids.length - 1) / ((atMs.at(-1) ?? 0) - (atMs[0] ?? 0))) * 1000
}

/** Sampled answers, with the end of the prompt said once more so that there is something to quote. */
async function checkEqual(cluster: BenchCluster, ring: BenchRing, { prompt }: Task): Promise<void> {
  const again = [...prompt, ...prompt.slice(40, 80)]
  const [plain, ahead] = [false, true].map((drafts) => () => runStream(cluster.peer.client, ring.model, again, TOKENS.sampled, { drafts }))
  if (!plain || !ahead || !isDeepStrictEqual((await plain()).ids, (await ahead()).ids))
    throw new Error(`guesses change an answer on ${ring.tabs} tabs`)
}

async function measure(cluster: BenchCluster, model: BenchModel, options: LookupOptions): Promise<readonly Pair[]> {
  const tasks = await tasksOf(model)
  const rings: BenchRing[] = []
  for (const tabs of options.tabs) rings.push(await cluster.ring(model, tabs))
  for (const ring of rings) for (const task of tasks) await checkEqual(cluster, ring, task)
  options.say(`${model.name}: answers are equal with guesses and without`)
  await cluster.delayLinks(HOP_MS)
  const pairs: Pair[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const ring of rings)
      for (const task of tasks) {
        // There and back: a machine that slows down meanwhile favours neither.
        const order = round % 2 === 0 ? [false, true] : [true, false]
        const rates = new Map<boolean, number>()
        for (const drafts of order) rates.set(drafts, await rateOf(cluster, ring, task, drafts))
        pairs.push({ model: model.name, tabs: ring.tabs, task: task.name, round, off: rates.get(false) ?? 0, on: rates.get(true) ?? 0 })
      }
    options.say(`${model.name}: round ${round + 1} of ${options.rounds}`)
  }
  await cluster.delayLinks(0)
  for (const ring of rings) await cluster.drop(ring)
  return pairs
}

function tableOf(model: BenchModel, pairs: readonly Pair[], { backend, rounds }: LookupOptions): Table {
  const keys = [...new Set(pairs.map(({ tabs, task }) => JSON.stringify([tabs, task])))]
  const rows = keys.map((key) => {
    const own = pairs.filter(({ tabs, task }) => JSON.stringify([tabs, task]) === key)
    const ratios = own.map(({ on, off }) => on / off)
    const span = `${Math.min(...ratios).toPrecision(3)} – ${Math.max(...ratios).toPrecision(3)}`
    return [own[0]?.tabs ?? 0, own[0]?.task ?? '', median(own.map(({ off }) => off)), median(own.map(({ on }) => on)), median(ratios), span]
  })
  return {
    title: `${model.title}: guesses ahead at ${HOP_MS} ms a hop, ${backend}, ${rounds} rounds in turns; equal answers`,
    columns: ['tabs', 'task', 'off, tok/s', 'on, tok/s', 'on to off', 'least – most'],
    rows,
  }
}

export async function benchLookup(options: LookupOptions): Promise<BenchReport> {
  for (const model of options.models) await model.prepare()
  const cluster = await openBenchCluster({ ...options, tabs: Math.max(...options.tabs), modelsDir: BENCH_MODELS_DIR })
  try {
    const tables: Table[] = []
    const measurements: Pair[] = []
    for (const model of options.models) {
      const pairs = await measure(cluster, model, options)
      measurements.push(...pairs)
      tables.push(tableOf(model, pairs, options))
    }
    return { browser: cluster.browser, tables, measurements }
  } finally {
    await cluster.close()
  }
}
