/** One device by itself, in this process: our kernels in each format beside ONNX Runtime's WASM, checked, then timed in turn. */
import path from 'node:path'
import { folderSource } from '../api-gateway/folder-source.ts'
import { loadKernels } from '../api-gateway/local-device-kernels.ts'
import { describeModel } from '../core/model/describe-model.ts'
import type { ModelDescription } from '../core/model/model-description.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import type { WeightFormat } from '../protocol/cluster.ts'
import { sequenceId } from '../protocol/ids.ts'
import { loadShard } from '../runtime/load-shard.ts'
import { loadOrt } from '../runtime/ort.ts'
import type { ShardRunner } from '../runtime/shard-runner.ts'
import { argmax } from '../tests/conformance/chain.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Cell } from './report.ts'

type Candidate = { readonly backend: 'simd' | 'wasm'; readonly weightFormat: WeightFormat }
const CANDIDATES: readonly Candidate[] = [
  { backend: 'simd', weightFormat: 'int4' },
  { backend: 'simd', weightFormat: 'int8' },
  { backend: 'simd', weightFormat: 'f16' },
  { backend: 'simd', weightFormat: 'f32' },
  { backend: 'wasm', weightFormat: 'int8' },
  { backend: 'wasm', weightFormat: 'f32' },
]
const CONTEXT = 2048
const SHORT = 64
const LONG = 1500
const CHUNK = 128
const DECODED = 12
const BATCHES = [2, 4, 8] as const
const SEQUENCE = sequenceId('00000000000000be')

export type SingleOptions = {
  readonly models: readonly BenchModel[]
  readonly rounds: number
  readonly threads: number
  readonly say: (line: string) => void
}

type Device = { readonly title: string; readonly runner: ShardRunner; readonly loadMs: number }
const titleOf = ({ backend, weightFormat }: Candidate): string => `${backend} ${weightFormat}`

async function open(source: ModelSource, model: ModelDescription, candidate: Candidate, threads: number): Promise<Device> {
  const runtime =
    candidate.backend === 'simd' ? { simd: await loadKernels(threads) } : { ort: await loadOrt({ backend: 'wasm', numThreads: threads }) }
  const started = performance.now()
  const range = { startLayer: 0, endLayer: model.config.numLayers }
  const runner = await loadShard({ source, model, ...range, ...candidate, ...runtime, contextLength: CONTEXT })
  runner.open(SEQUENCE, CONTEXT)
  return { title: titleOf(candidate), runner, loadMs: performance.now() - started }
}

/** Low ids, that every vocabulary has. */
const idAt = (position: number): number => 3 + ((position * 7919) % 400)

async function run({ runner }: Device, position: number, count: number, want: 'head' | 'none'): Promise<Float32Array | null> {
  const ids = Array.from({ length: count }, (_, i) => idAt(position + i))
  const span = { sequence: SEQUENCE, position, count, reach: position + count }
  const output = await runner.run({ ...span, input: { type: 'tokens', ids }, want: { type: want } })
  if (output.type !== 'head') return null
  // ONNX Runtime gives no shortlist: what the sampler would read belongs to the token's time.
  return output.head.shortlist ? new Float32Array(0) : output.head.readLogits()
}

async function prefill(device: Device, tokens: number): Promise<number> {
  const started = performance.now()
  for (let done = 0; done < tokens; done += CHUNK) await run(device, done, Math.min(CHUNK, tokens - done), 'none')
  return (1000 * tokens) / (performance.now() - started)
}

async function decode(device: Device, position: number): Promise<number> {
  await run(device, position, 1, 'head')
  const started = performance.now()
  for (let i = 0; i < DECODED; i++) await run(device, position + i, 1, 'head')
  return (1000 * DECODED) / (performance.now() - started)
}

/** Milliseconds of one pass over so many rows. */
async function pass(device: Device, rows: number): Promise<number> {
  const started = performance.now()
  for (let i = 0; i < 4; i++) await run(device, SHORT, rows, 'none')
  return (performance.now() - started) / 4
}

type Figures = Readonly<Record<'decode64' | 'decode1500' | 'prefill256' | 'prefill1500' | 'rows2' | 'rows4' | 'rows8', number>>

async function measure(device: Device): Promise<Figures> {
  const prefill256 = await prefill(device, 256)
  const decode64 = await decode(device, SHORT)
  const one = await pass(device, 1)
  const [rows2, rows4, rows8] = [await pass(device, BATCHES[0]), await pass(device, BATCHES[1]), await pass(device, BATCHES[2])]
  const prefill1500 = await prefill(device, LONG)
  return { prefill256, prefill1500, decode64, decode1500: await decode(device, LONG), rows2: rows2 / one, rows4: rows4 / one, rows8: rows8 / one }
}

/** Logits behind a prompt: each format must lead to the same token as the first of its kind, or its time means nothing. */
async function check(device: Device, vocabSize: number): Promise<{ readonly id: number; readonly logits: Float32Array }> {
  await prefill(device, SHORT)
  const ids = [idAt(SHORT)]
  const output = await device.runner.run({
    sequence: SEQUENCE,
    position: SHORT,
    count: 1,
    reach: SHORT + 1,
    input: { type: 'tokens', ids },
    want: { type: 'head' },
  })
  if (output.type !== 'head') throw new Error(`${device.title} gave no logits`)
  const logits = (await output.head.readLogits()).slice()
  if (logits.length !== vocabSize || !logits.every(Number.isFinite)) throw new Error(`${device.title} gave logits that are none`)
  return { id: argmax(logits), logits }
}

/** Distance of logits from others', of their spread. */
function distance(a: Float32Array, b: Float32Array): number {
  let [differences, squares] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    differences += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2
    squares += (b[i] ?? 0) ** 2
  }
  return Math.sqrt(differences / squares)
}

const FOLDERS: Readonly<Record<string, string>> = { ember: path.join(import.meta.dirname, '../models/ember') }
/** In f32 two ways of adding; in integers what rounding costs a random model. */
const BOUNDS: Readonly<Record<WeightFormat, number>> = { f32: 1e-3, f16: 0.05, int8: 0.3, int4: 1 }

async function benchModel(bench: BenchModel, { rounds, threads, say }: SingleOptions) {
  await bench.prepare()
  const source = folderSource(FOLDERS[bench.name] ?? path.join(BENCH_MODELS_DIR, bench.name))
  const model = await describeModel(source)
  if (model.contextLength < CONTEXT) throw new Error(`${bench.name} has no context of ${CONTEXT} tokens`)
  const reference = await open(source, model, { backend: 'wasm', weightFormat: 'f32' }, threads)
  const expected = await check(reference, bench.vocabSize)
  await reference.runner.dispose()
  const rows: Cell[][] = []
  const measurements: unknown[] = []
  for (const candidate of CANDIDATES) {
    const device = await open(source, model, candidate, threads)
    const { logits } = await check(device, bench.vocabSize)
    const error = distance(logits, expected.logits)
    if (!(error <= BOUNDS[candidate.weightFormat])) throw new Error(`${device.title} is ${error} from the reference: not timed`)
    const figures: Figures[] = []
    for (let round = 0; round < rounds; round++) figures.push(await measure(device))
    const of = (name: keyof Figures): number => median(figures.map((one) => one[name]))
    say(`${bench.name} ${device.title}: ${of('decode64').toFixed(1)} tok/s`)
    const { runner, loadMs } = device
    rows.push([
      device.title,
      of('decode64'),
      of('decode1500'),
      of('prefill256'),
      of('prefill1500'),
      `${of('rows2').toFixed(2)} / ${of('rows4').toFixed(2)} / ${of('rows8').toFixed(2)}`,
      runner.heldBytes / 1e6,
      loadMs / 1000,
      error,
    ])
    measurements.push({ model: bench.name, ...candidate, threads, loadMs, heldBytes: runner.heldBytes, error, figures })
    await runner.dispose()
  }
  const columns = [
    '',
    'decode at 64, tok/s',
    'at 1500',
    'prefill 256, tok/s',
    '1500',
    '2 / 4 / 8 rows, times one',
    'held, MB',
    'load, s',
    'distance of logits',
  ]
  return { table: { title: `${bench.title}, ${threads} thread${threads === 1 ? '' : 's'}`, columns, rows }, measurements }
}

export async function benchSingle(options: SingleOptions): Promise<BenchReport> {
  const done = []
  for (const model of options.models) done.push(await benchModel(model, options))
  return {
    browser: `Node ${process.versions.node}`,
    tables: done.map(({ table }) => table),
    measurements: done.flatMap(({ measurements }) => measurements),
  }
}
