/**
 * `npm run bench -- kernels`: passes over weights of a real shape, instruction by instruction, beside what a plain loop over the same memory and plain
 * loops of products reach in the same run. The weights are random: of a kernel only the time is asked here, its results are for tests/kernels.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { folderSource } from '../api-gateway/folder-source.ts'
import { compiledKernels } from '../api-gateway/local-device-kernels.ts'
import { describeModel } from '../core/model/describe-model.ts'
import { heldBytesOf } from '../core/simd/held-matrix.ts'
import { cacheBytes } from '../core/simd/program.ts'
import { headProgram, layersProgram } from '../core/simd/shard-program.ts'
import { END, FRAME_ROW_TABLE, FRAME_ROWS, ROW_BYTES } from '../kernels/opcodes.ts'
import type { WeightFormat } from '../protocol/cluster.ts'
import { placeShard, type PlacedProgram, type PlacedShard } from '../runtime/simd/place-shard.ts'
import { instantiate, type Kernels } from '../runtime/simd/thread-loop.ts'
import { fillWeight, instructionAt, workOf, type Work } from './kernel-work.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Cell } from './report.ts'
import { roofOf, type Roof } from './roof.ts'

const CONTEXT = 2048
const ROOF = path.join(import.meta.dirname, '../dist/kernels/roof.wasm')
const PASSES = [
  { name: 'decode at 64', position: 64, rows: 1, withHead: true },
  { name: 'decode at 1500', position: 1500, rows: 1, withHead: true },
  { name: '4 rows at 64', position: 64, rows: 4, withHead: false },
  { name: 'prefill of 128 at 64', position: 64, rows: 128, withHead: false },
] as const
type Pass = (typeof PASSES)[number]

export type KernelsOptions = {
  readonly models: readonly BenchModel[]
  readonly formats: readonly WeightFormat[]
  readonly rounds: number
  readonly say: (line: string) => void
}

type Bench = {
  readonly shard: PlacedShard
  readonly run: Kernels['run']
  readonly cache: number
  /** Room for one instruction and an end. */ readonly single: number
}

async function open(model: BenchModel, weightFormat: WeightFormat): Promise<Bench> {
  const description = await describeModel(folderSource(path.join(BENCH_MODELS_DIR, model.name)))
  const options = { weightFormat, contextLength: CONTEXT }
  const range = { startLayer: 0, endLayer: description.config.numLayers }
  const programs = { body: layersProgram(description, range, options), head: headProgram(description, options), beside: [] }
  const shard = placeShard(programs, CONTEXT, { threads: 1, maxBytes: 2 ** 32 })
  const { memory, weights } = shard
  for (const { weight, address } of weights) fillWeight(memory.bytes().subarray(address, address + heldBytesOf(weight)), weight)
  const bytes = cacheBytes(programs.body, CONTEXT)
  const [cache, single] = [memory.allocate(bytes), memory.allocate(256)]
  memory
    .floats()
    .subarray(cache / 4, (cache + bytes) / 4)
    .forEach((_, i, values) => (values[i] = Math.sin(i)))
  return { shard, run: instantiate(await compiledKernels(), memory.memory).run, cache, single }
}

function writeFrame({ shard: { memory, frame }, cache }: Bench, { position, rows }: Pass): void {
  const words = memory.words()
  words[frame / 4 + FRAME_ROWS] = rows
  for (let row = 0; row < rows; row++) words.set([cache, CONTEXT, position + row, 0], (frame + FRAME_ROW_TABLE + row * ROW_BYTES) / 4)
}

type Timed = { readonly work: Work; ms: number; calls: number }

/** Runs a program instruction by instruction, and adds up what each took. */
function timeProgram({ shard, run, single }: Bench, { code }: PlacedProgram, pass: Pass, into: Map<string, Timed>): void {
  const words = shard.memory.words()
  for (let at = code / 4; (words[at] ?? END) !== END; at += (words[at + 1] ?? 0) / 4) {
    const work = workOf(instructionAt(words, at), pass.position, pass.rows)
    const end = at + (words[at + 1] ?? 0) / 4
    words.set(words.subarray(at, end), single / 4)
    words[single / 4 + end - at] = END
    const started = performance.now()
    run(shard.frame, single)
    const ms = performance.now() - started
    const timed = into.get(work.title) ?? { work, ms: 0, calls: 0 }
    timed.ms += ms
    timed.calls++
    into.set(work.title, timed)
  }
}

/** Milliseconds of a whole pass at once. */
function timePass({ shard, run }: Bench, pass: Pass): number {
  const started = performance.now()
  run(shard.frame, shard.body.code)
  if (pass.withHead && shard.head) run(shard.frame, shard.head.code)
  return performance.now() - started
}

/** Seconds that no kernel can go below. */
const leastSeconds = ({ bytes, products, isFloat }: Work, roof: Roof): number =>
  Math.max(bytes / roof.readBytes, products / (isFloat ? roof.floatProducts : roof.integerProducts))

function measure(bench: Bench, pass: Pass, rounds: number, roof: Roof): readonly Cell[][] {
  writeFrame(bench, pass)
  const runs = Array.from({ length: rounds }, () => {
    const timed = new Map<string, Timed>()
    timeProgram(bench, bench.shard.body, pass, timed)
    if (pass.withHead && bench.shard.head) timeProgram(bench, bench.shard.head, pass, timed)
    return { timed, ms: timePass(bench, pass) }
  })
  const last = runs.at(-1)?.timed ?? new Map<string, Timed>()
  const all = [...last].map(([title, { work, calls }]) => {
    const ms = median(runs.map(({ timed }) => timed.get(title)?.ms ?? NaN))
    return { title, work, calls, ms, least: 1000 * calls * leastSeconds(work, roof) }
  })
  const ms = median(runs.map((one) => one.ms))
  const row = (title: string, took: number, least: number, bytes: number, products: number): Cell[] => [
    pass.name,
    title,
    took,
    took / ms,
    bytes / took / 1e6,
    products / took / 1e6,
    least / took,
  ]
  const sum = (of: (one: (typeof all)[number]) => number): number => all.reduce((total, one) => total + of(one), 0)
  return [
    ...all
      .filter((one) => one.ms > 0.01 * ms)
      .sort((a, b) => b.ms - a.ms)
      .map(({ title, work, calls, ms: took, least }) => row(`${calls} × ${title}`, took, least, calls * work.bytes, calls * work.products)),
    row(
      'all',
      ms,
      sum(({ least }) => least),
      sum(({ calls, work }) => calls * work.bytes),
      sum(({ calls, work }) => calls * work.products),
    ),
  ]
}

export async function benchKernels({ models, formats, rounds, say }: KernelsOptions): Promise<BenchReport> {
  const roof = await roofOf(await WebAssembly.compile(new Uint8Array(await readFile(ROOF))), 2 ** 28)
  say(
    `roof: ${Object.entries(roof)
      .map(([name, value]) => `${name} ${(value / 1e9).toFixed(1)} G/s`)
      .join(', ')}`,
  )
  const columns = ['pass', 'kernels', 'ms', 'of the pass', 'GB/s', 'G multiply-adds/s', 'of the roof']
  const tables = []
  for (const model of models) {
    await model.prepare()
    for (const format of formats) {
      const bench = await open(model, format)
      tables.push({ title: `${model.title}, ${format}`, columns, rows: PASSES.flatMap((pass) => measure(bench, pass, rounds, roof)) })
    }
  }
  const roofRow = [roof.readBytes, roof.copyBytes, roof.integerProducts, roof.floatProducts].map((value) => value / 1e9)
  const roofTable = { title: 'Roof of one thread', columns: ['read, GB/s', 'copy, GB/s', '16-bit multiply-adds, G/s', 'f32, G/s'], rows: [roofRow] }
  return { browser: `Node ${process.versions.node}`, tables: [roofTable, ...tables], measurements: { roof, tables } }
}
