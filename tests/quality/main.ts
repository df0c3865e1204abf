/**
 * `npm run quality -- [DIR] [--webgpu] [--write FILE.md]`: what formats cost. Next-token distributions of the embedded model, and of the golden
 * checkpoints in DIR, on each backend of Node (with --webgpu a few texts on WebGPU in Chromium too) against f32 on ONNX Runtime, over the
 * models' own texts. The same numbers every time. What FILE says between and behind its tables stays.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { BackendRuntime } from '../../runtime/engines/load-options.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import { checkpointCases, ggufIn } from '../conformance/find-cases.ts'
import { openHarness } from '../harness/browser.ts'
import { divergenceOf, joined, type Divergence } from './divergence.ts'
import { logitsOf, type Pass } from './logits.ts'
import { ROUNDINGS, requantized } from './requantized.ts'
import { textsOf } from './texts.ts'
import { withTables } from './with-tables.ts'

const ROOT = path.join(import.meta.dirname, '../..')
/** A software GPU takes a second for a text. */
const WEBGPU_TEXTS = 6

type Row = { readonly name: string; readonly divergence: Divergence }
type Way = { readonly name: string; readonly runtime: BackendRuntime; readonly weightFormat: WeightFormat }

const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
const simd = await loadKernels()
const WAYS: readonly Way[] = [
  { name: 'node-wasm int8', runtime: { backend: 'wasm', ort }, weightFormat: 'int8' },
  ...(['f32', 'f16', 'int8', 'int4'] as const).map((weightFormat): Way => ({
    name: `node-simd ${weightFormat}`,
    runtime: { backend: 'simd', simd },
    weightFormat,
  })),
]
const REFERENCE = { backend: 'wasm', ort, weightFormat: 'f32' } as const

type Subject = { readonly source: ModelSource; readonly texts: readonly (readonly number[])[] }
type Logits = (way: Omit<Way, 'name'>, pass?: Pass, source?: ModelSource) => Promise<readonly Float32Array[]>

async function open({ source, texts }: Subject): Promise<{ readonly logits: Logits; readonly vocab: number; readonly layers: number }> {
  const model = await describeModel(source)
  const contextLength = Math.max(...texts.map((ids) => ids.length))
  return {
    vocab: model.config.vocabSize,
    layers: model.config.numLayers,
    logits: async ({ runtime, weightFormat }, pass, other) =>
      logitsOf({ ...runtime, weightFormat, contextLength, source: other ?? source, model: other ? await describeModel(other) : model }, texts, pass),
  }
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const cells = ({ positions, mean, p99, top1 }: Divergence): string =>
  `${mean.toExponential(1)} | ${p99.toExponential(1)} | ${(100 * top1).toFixed(1)} % | ${positions}`

function table(first: string, rows: readonly Row[]): string {
  const lines = rows.map(({ name, divergence }) => `| ${name} | ${cells(divergence)} |`)
  return [`| ${first} | KL mean | KL p99 | same top token | positions |`, '|---|---|---|---|---|', ...lines].join('\n')
}

/** Every way of a model that it runs in. */
async function byWay(subject: Subject): Promise<readonly Row[]> {
  const { logits, vocab } = await open(subject)
  const reference = await logits({ runtime: REFERENCE, weightFormat: 'f32' })
  const rows: Row[] = []
  for (const { name, ...way } of WAYS) {
    try {
      rows.push({ name, divergence: divergenceOf(reference, await logits(way), vocab) })
    } catch (error) {
      if (!(error instanceof ClusterError) || error.code !== 'unsupported_backend') throw error
      print(`${subject.source.label}: ${name} is refused: ${error.message}`)
    }
  }
  return rows
}

async function handoffRows(subject: Subject): Promise<readonly Row[]> {
  const { logits, vocab, layers } = await open(subject)
  const way = { runtime: REFERENCE, weightFormat: 'f32' as const }
  const reference = await logits(way)
  const cuts = Array.from({ length: layers - 1 }, (_, i) => i + 1)
  const of = async (name: string, pass: Pass): Promise<Row> => ({ name, divergence: divergenceOf(reference, await logits(way, pass), vocab) })
  return [
    await of('f32, one cut in the middle', { cuts: [Math.floor(layers / 2)], handoff: 'f32' }),
    await of('f16, one cut in the middle', { cuts: [Math.floor(layers / 2)], handoff: 'f16' }),
    await of('f16, a cut behind every layer', { cuts, handoff: 'f16' }),
  ]
}

/** Weights rounded to a type and back, computed in f32. */
async function roundingRows(subject: Subject): Promise<readonly Row[]> {
  const { logits, vocab } = await open(subject)
  const model = await describeModel(subject.source)
  const way = { runtime: REFERENCE, weightFormat: 'f32' as const }
  const reference = await logits(way)
  const rows: Row[] = []
  for (const [name, rounding] of Object.entries(ROUNDINGS)) {
    const source = await requantized(subject.source, model, rounding, true)
    rows.push({ name, divergence: divergenceOf(reference, await logits(way, {}, source), vocab) })
  }
  return rows
}

async function goldenRows(folder: string): Promise<readonly Row[]> {
  const all = new Map<string, Divergence[]>()
  for (const name of checkpointCases(folder)) {
    const source = folderSource(path.join(folder, name), ggufIn(path.join(folder, name)))
    for (const row of await byWay({ source, texts: await textsOf(source) })) {
      const key = `${name.split('/')[0]}: ${row.name}`
      all.set(key, [...(all.get(key) ?? []), row.divergence])
    }
  }
  return [...all].map(([name, list]) => ({ name: `${name}, ${list.length} models`, divergence: joined(list) }))
}

async function webgpuRows(): Promise<readonly Row[]> {
  const harness = await openHarness({ mounts: { '/models/': path.join(ROOT, 'models') } })
  const rows: Row[] = []
  try {
    for (const weightFormat of ['f32', 'int8', 'int4'] as const) {
      const argument = {
        url: `${harness.origin}/models/ember/`,
        weightFormat,
        limit: WEBGPU_TEXTS,
        wasmPaths: `${harness.origin}/node_modules/onnxruntime-web/dist/`,
      }
      rows.push({ name: `webgpu ${weightFormat}`, divergence: await harness.call<Divergence>('tests/quality/quality.page.ts', 'onWebgpu', argument) })
    }
  } finally {
    await harness.close()
  }
  return rows
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { write: { type: 'string' }, webgpu: { type: 'boolean', default: false } },
  })
  const [folder] = positionals
  if (folder !== undefined && !existsSync(folder)) throw new Error(`no folder ${folder}`)
  const source = folderSource(path.join(ROOT, 'models/ember'))
  const ember: Subject = { source, texts: await textsOf(source) }
  const sections: [string, readonly Row[]][] = [
    ['Ember: backends and formats', await byWay(ember)],
    ['Ember: weights rounded to a type, computed in f32', await roundingRows(ember)],
    ['Ember: hand-off between devices', await handoffRows(ember)],
  ]
  if (values.webgpu) sections.splice(1, 0, [`Ember: WebGPU, the first ${WEBGPU_TEXTS} texts`, await webgpuRows()])
  if (folder !== undefined) sections.push(['Golden checkpoints (tiny, random weights)', await goldenRows(folder)])
  const tables = sections.map(([title, rows]) => ({ title, text: table('', rows) }))
  print(withTables('', tables))
  if (values.write !== undefined) writeFileSync(values.write, withTables(existsSync(values.write) ? readFileSync(values.write, 'utf8') : '', tables))
}

await main()
