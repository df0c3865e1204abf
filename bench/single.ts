/** One device by itself against other engines, each in a tab of one Chromium: checked, then timed in turns. */
import path from 'node:path'
import { folderSource } from '../api-gateway/folder-source.ts'
import { describeModel } from '../core/model/describe-model.ts'
import type { ModelDescription } from '../core/model/model-description.ts'
import { loadText, type TextModel } from '../core/text/text-model.ts'
import { weightFormatSchema } from '../protocol/cluster.ts'
import { openHarness } from '../tests/harness/browser.ts'
import { nameOf, type Contender } from './contender.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { ENGINE_VERSIONS, installEngines } from './peers/install-engines.ts'
import { ENGINES_URL, MODELS_URL, openPeerTab, PEER_FORMATS, type PeerName } from './peers/peer-tab.ts'
import { promptOf } from './prompts.ts'
import type { BenchReport, Table } from './report.ts'
import type { Roof } from './roof.ts'
import { openRingletTab } from './ringlet-tab.ts'
import { checkAnswers, readReference, referenceFrom, type Reference } from './single-check.ts'
import { measureRound, type Figure, type Measured, type Round } from './single-figures.ts'
import { singleTables } from './single-tables.ts'
import { tokenWork } from './token-work.ts'

const CONTEXT_TOKENS = 2048
const CHECKED_PROMPT_TOKENS = 64
const CHECKED_TOKENS = 32

export type SingleOptions = {
  readonly models: readonly BenchModel[]
  readonly rounds: number
  readonly threads: readonly number[]
  /** Folder made by `make_peer_models.py`; null: this project alone. */
  readonly peers: string | null
  /** Names as in `nameOf`; empty: all. */
  readonly contenders: readonly string[]
  readonly figures: readonly Figure[]
  readonly say: (line: string) => void
}

type Kind = Pick<Contender, 'engine' | 'format'>
const RINGLET: readonly Kind[] = weightFormatSchema.options.map((format) => ({ engine: 'ringlet', format }))
const PEER_NAMES: readonly PeerName[] = ['wllama', 'transformers.js']
const PEERS: readonly Kind[] = PEER_NAMES.flatMap((engine) => PEER_FORMATS[engine].map((format) => ({ engine, format })))
export const CONTENDERS: readonly string[] = [...RINGLET, ...PEERS].map(nameOf)

type Scene = SingleOptions & {
  readonly model: BenchModel
  readonly description: ModelDescription
  readonly text: TextModel
  /** Of the server of modules. */
  readonly origin: string
  readonly measureRoof: (threads: number) => Promise<Roof>
}

const withoutPeers = (models: readonly BenchModel[]): string =>
  `Only this project is measured. For others beside it, write their models with the same weights, and name the folder with --peers:
${models.map(({ name }) => `  python make_peer_models.py ${path.join(BENCH_MODELS_DIR, name)} DIR --reference`).join('\n')}`

function open({ model, origin, peers }: Scene, { engine, format }: Kind, threads: number): Promise<Contender> | null {
  const common = { threads, contextTokens: CONTEXT_TOKENS }
  if (engine === 'ringlet') return openRingletTab({ model, backend: 'simd', weights: weightFormatSchema.parse(format), ...common })
  return peers === null ? null : openPeerTab({ origin, engine, format, model: model.name, ...common })
}

async function referenceOf({ peers, model, text }: Scene): Promise<Reference> {
  if (peers !== null) return readReference(path.join(peers, model.name))
  const prompt = promptOf(text, CHECKED_PROMPT_TOKENS, 1)
  const other = await openRingletTab({ model, backend: 'wasm', weights: 'f32', threads: 1, contextTokens: CONTEXT_TOKENS })
  try {
    await other.load()
    return await referenceFrom(other, prompt, CHECKED_TOKENS)
  } finally {
    await other.close()
  }
}

async function start(scene: Scene, reference: Reference, contender: Contender): Promise<Measured> {
  const coldMs = await contender.load()
  const loadPeakBytes = contender.memory.takePeak().renderer
  const checked = await checkAnswers(contender, reference)
  scene.say(`${nameOf(contender)} on ${contender.threads}: loaded in ${(coldMs / 1000).toFixed(1)} s, ${JSON.stringify(checked)}`)
  const { engine, format } = contender
  const work = engine === 'ringlet' ? tokenWork(scene.description, weightFormatSchema.parse(format), CONTEXT_TOKENS) : null
  return { contender, coldMs, loadPeakBytes, checked, work, rounds: [], workPeakBytes: 0, heldBytes: contender.heldBytes(), warmMs: null }
}

/** Other engines break now and then: that round has no figures of theirs, and the next one a new page. Ours must not. */
async function revive(contender: Contender, error: unknown, say: (line: string) => void): Promise<Round> {
  if (contender.engine === 'ringlet') throw error
  say(`${nameOf(contender)} broke: ${String(error)}; loaded anew`)
  await contender.restart()
  await contender.load()
  return {}
}

async function runRounds(scene: Scene, measured: readonly Measured[]): Promise<readonly Measured[]> {
  const { text, figures, say } = scene
  const all = measured.map((one) => ({ ...one, rounds: [...one.rounds] }))
  // Other prompts in every run: what an engine keeps of one may outlive it.
  const first = Date.now() % 1_000_000
  for (let round = 0; round < scene.rounds; round++) {
    const prompts = (tokens: number, index: number) => promptOf(text, tokens, first + 1000 * round + index)
    const roofs = new Map<number, Roof>()
    if (figures.includes('short')) for (const threads of scene.threads) roofs.set(threads, await scene.measureRoof(threads))
    // A machine that becomes slower favours nobody who is always first.
    for (const one of round % 2 === 0 ? all : all.toReversed()) {
      const { contender } = one
      const roof = roofs.get(contender.threads)
      const figuresOfRound = await measureRound(contender, prompts, figures).catch((error: unknown) => revive(contender, error, say))
      one.rounds.push({ ...figuresOfRound, ...(roof ? { roof } : {}) })
      one.workPeakBytes = Math.max(one.workPeakBytes, contender.memory.takePeak().renderer)
      say(`round ${round + 1}: ${nameOf(contender)} on ${contender.threads} ${JSON.stringify(one.rounds.at(-1))}`)
    }
  }
  return all
}

async function reload(measured: Measured): Promise<Measured> {
  await measured.contender.restart()
  return { ...measured, warmMs: await measured.contender.load() }
}

async function benchModel(scene: Scene): Promise<readonly Measured[]> {
  const reference = await referenceOf(scene)
  const kinds = [...RINGLET, ...PEERS].filter((kind) => scene.contenders.length === 0 || scene.contenders.includes(nameOf(kind)))
  const opened: Contender[] = []
  try {
    let measured: Measured[] = []
    for (const threads of scene.threads) {
      for (const kind of kinds) {
        const contender = await open(scene, kind, threads)
        if (!contender) continue
        opened.push(contender)
        measured.push(await start(scene, reference, contender))
      }
    }
    measured = [...(await runRounds(scene, measured))]
    if (!scene.figures.includes('warm')) return measured
    const reloaded: Measured[] = []
    for (const one of measured) reloaded.push(await reload(one))
    return reloaded
  } finally {
    for (const contender of opened) await contender.close()
  }
}

export async function benchSingle(options: SingleOptions): Promise<BenchReport> {
  const { peers, models, say } = options
  for (const model of models) await model.prepare()
  if (peers === null) say(withoutPeers(models))
  const mounts = peers === null ? {} : { [ENGINES_URL]: `${await installEngines(say)}/`, [MODELS_URL]: `${path.resolve(peers)}/` }
  const harness = await openHarness({ mounts })
  try {
    const measureRoof = (threads: number): Promise<Roof> => harness.call('bench/roof.page.ts', 'measure', threads)
    const tables: Table[] = []
    const measurements: unknown[] = []
    for (const model of models) {
      const source = folderSource(path.join(BENCH_MODELS_DIR, model.name))
      const [description, text] = [await describeModel(source), await loadText(source)]
      const measured = await benchModel({ ...options, model, description, text, origin: harness.origin, measureRoof })
      tables.push(...singleTables(model, measured))
      measurements.push(
        ...measured.map(({ contender, ...rest }) => ({ model: model.name, name: nameOf(contender), threads: contender.threads, ...rest })),
      )
    }
    const browser = `Chromium ${harness.browser.version()}`
    return { browser: peers === null ? browser : `${browser}, ${ENGINE_VERSIONS}`, tables, measurements }
  } finally {
    await harness.close()
  }
}
