/** The head's kernels over uneven and over extreme inputs, beside their reference, inside a page with a GPU. */
import type { HeadPlan } from '../../core/graph/head-plan.ts'
import { UNIT_BYTES } from '../../core/graph/head-plan.ts'
import { tensorBytes, type WeightPlan } from '../../core/graph/weight-plan.ts'
import { f16ToF32Array, f32ToF16Array } from '../../core/quant/float16.ts'
import { blockBytes, blocksOfRow, packIntegers, quantizeBlocks, type BlockShape } from '../../core/quant/integer-blocks.ts'
import { createScratch } from '../../core/quant/scratch.ts'
import { bytesOf } from '../../core/quant/stored.ts'
import { createGpuMemory } from '../../runtime/engines/gpu-memory.ts'
import { openGpuHead, type GpuHead, type Shortlist } from '../../runtime/engines/gpu-head.ts'
import type { RunnerGpu } from '../../runtime/engines/gpu-kernels.ts'
import type { BuildPart } from '../../runtime/engines/external-data.ts'
import type { FloatType } from '../../protocol/cluster.ts'
import { listReference, logitsReference, normReference, type ListReference } from '../../shaders/head.ref.ts'
import { openRunnerGpu } from '../harness/gpu.page.ts'
import { noise } from './noise.ts'

/** `ties`: logits are small whole numbers. `infinite`, `broken`: some weights are infinities or no numbers. */
type Fill = 'noise' | 'ties' | 'equal' | 'infinite' | 'broken' | 'lowest'
export type HeadCase = {
  readonly held: 'f32' | 'f16' | 'int8' | 'int4'
  readonly block?: 16 | 32
  readonly floatType?: FloatType
  readonly vocab: number
  readonly columns: number
  readonly k: number
  /** Of `tokens` rows of hidden states. */
  readonly rows: readonly number[]
  readonly softcap?: number
  readonly scale?: number
  readonly isLayerNorm?: boolean
  /** Pieces of the vocabulary end here. */
  readonly cuts?: readonly number[]
  readonly mostBytes?: number
  readonly fill?: Fill
  readonly seed: number
}
export type HeadResult = {
  /** Whether list and logits of one product are those of a product each, to the bit. */
  readonly isSameBeside: boolean
  readonly list: ListReference
  /** What the kernel wrote of all logits, and the list of these. */
  readonly own: ListReference
  /** The list of the reference's logits. */
  readonly expected: ListReference
  /** Largest difference of logits, as a share of the sum of magnitudes in their product. */
  readonly worst: number
}

type Held = { readonly tensors: readonly { readonly type: 'f32' | 'f16' | 'uint8'; readonly bytes: Uint8Array }[]; readonly dense: Float32Array }

function weightsOf({ vocab, columns, seed, fill = 'noise' }: HeadCase): Float32Array {
  const next = noise(seed)
  return Float32Array.from({ length: vocab * columns }, (_, i) => {
    const [row, value] = [Math.floor(i / columns), next()]
    switch (fill) {
      case 'noise':
        return 0.3 * value ** 3 + (row % 97 === 3 ? 0.4 * next() : 0)
      case 'ties':
        return i % columns < 2 ? Math.round(2 * value) : 0
      case 'equal':
        return i % columns === 0 ? -2.5 : 0
      case 'infinite':
        return row % 3 === 0 && i % columns === 0 ? -Infinity : value
      case 'broken':
        return i % columns === 0 && row % 5 === 1 ? NaN : i % columns === 0 && row === 7 ? Infinity : value
      case 'lowest':
        return i % columns === 0 ? -Infinity : 0
    }
  })
}

function holdFloats(weights: Float32Array, columns: number, isHalf: boolean): Held {
  const encoded = isHalf ? f32ToF16Array(weights) : weights
  const perUnit = UNIT_BYTES / (isHalf ? 2 : 4)
  const [rows, width] = [weights.length / columns, perUnit * Math.ceil(columns / perUnit)]
  const padded = isHalf ? new Uint16Array(rows * width) : new Float32Array(rows * width)
  for (let row = 0; row < rows; row++) padded.set(encoded.subarray(row * columns, (row + 1) * columns), row * width)
  return {
    tensors: [{ type: isHalf ? 'f16' : 'f32', bytes: bytesOf(padded) }],
    dense: encoded instanceof Uint16Array ? f16ToF32Array(encoded) : weights,
  }
}

function holdIntegers(weights: Float32Array, columns: number, shape: BlockShape, type: FloatType): Held {
  const round = (value: number): number => (type === 'f16' ? (f16ToF32Array(f32ToF16Array(Float32Array.of(value)))[0] ?? NaN) : Math.fround(value))
  const { integers, scales } = quantizeBlocks(weights, columns, shape, round)
  const blocks = blocksOfRow(columns, shape)
  const dense = Float32Array.from(integers, (integer, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    return integer * (scales[row * blocks + Math.floor(column / shape.size)] ?? NaN)
  })
  const packedScales = type === 'f16' ? f32ToF16Array(scales) : scales
  return {
    tensors: [
      { type: 'uint8', bytes: packIntegers(integers, columns, shape) },
      { type, bytes: bytesOf(packedScales) },
    ],
    dense,
  }
}

function hold(one: HeadCase, weights: Float32Array): Held {
  const { held, columns, block = 32, floatType = 'f32' } = one
  if (held === 'f32' || held === 'f16') return holdFloats(weights, columns, held === 'f16')
  return holdIntegers(weights, columns, { bits: held === 'int8' ? 8 : 4, size: block }, floatType)
}

/** Bytes as a plan's builder would have them. */
type Built = Map<WeightPlan, readonly Uint8Array[]>

function matrixOf(
  one: HeadCase,
  held: Held,
  start: number,
  end: number,
): { plan: HeadPlan['pieces'][number]['matrix']; bytes: readonly Uint8Array[] } {
  const { columns, block = 32, vocab, floatType = 'f32' } = one
  const bytes = held.tensors.map((tensor) => tensor.bytes.slice((tensor.bytes.length / vocab) * start, (tensor.bytes.length / vocab) * end))
  const rows = end - start
  const [values] = held.tensors
  if (values?.type !== 'uint8') {
    const type = values?.type === 'f16' ? 'f16' : 'f32'
    const width = (bytes[0]?.length ?? 0) / rows / (type === 'f16' ? 2 : 4)
    return { plan: { recipe: 'rows', sources: [], floatType: type, tensors: [{ name: 'w', type, dims: [rows, width] }] }, bytes }
  }
  const form = { bits: one.held === 'int8' ? 8 : 4, size: block, isRepacked: false } as const
  const blocks = blocksOfRow(columns, form)
  const tensors = [
    { name: 'w', type: 'uint8', dims: [rows, blocks, blockBytes(form)] },
    { name: 's', type: floatType, dims: [rows, blocks] },
  ] as const
  return { plan: { recipe: 'blocks', form, sources: [], floatType, tensors }, bytes }
}

function planOf(one: HeadCase, held: Held, norm: readonly Float32Array[]): { readonly plan: HeadPlan; readonly built: Built } {
  const { columns, vocab, cuts = [], scale = 1, softcap } = one
  const built: Built = new Map()
  const weights = norm.map((values): WeightPlan => {
    const plan = { recipe: 'vector', sources: [], floatType: 'f32', tensors: [{ name: 'n', type: 'f32', dims: [columns] }] } as const
    built.set(plan, [bytesOf(values)])
    return plan
  })
  const ends = [...cuts, vocab]
  const pieces = ends.map((end, i) => {
    const start = ends[i - 1] ?? 0
    const { plan, bytes } = matrixOf(one, held, start, end)
    built.set(plan, bytes)
    return { start, end, matrix: plan }
  })
  const kind = one.isLayerNorm ? 'layer' : 'rms'
  return { plan: { norm: { kind, epsilon: 1e-5, weights }, columns, scale, softcap: softcap ?? null, pieces }, built }
}

/** Into the space as loading does: what was there before is still there behind. */
const builderOf =
  (built: Built): BuildPart =>
  (part, space) => {
    let filled = 0
    const externalData = part.weights.flatMap((plan) =>
      (built.get(plan) ?? []).map((bytes, i) => {
        const [tensor] = plan.tensors.slice(i)
        if (!tensor || tensorBytes(tensor) !== bytes.length) throw new Error(`${bytes.length} bytes of ${JSON.stringify(tensor)}`)
        const data = space.weights.subarray(filled, filled + bytes.length)
        data.set(bytes)
        filled += 16 * Math.ceil(bytes.length / 16)
        return { path: '', data }
      }),
    )
    return Promise.resolve({ externalData, fidelity: [] })
  }

type Inputs = { readonly hidden: Float32Array; readonly norm: readonly Float32Array[] }

function inputsOf({ columns, rows, seed, isLayerNorm, fill = 'noise' }: HeadCase): Inputs {
  const next = noise(seed + 1)
  const tokens = Math.max(...rows) + 1
  const isPlain = fill !== 'noise'
  // Rows of ones stay rows of ones: what is no noise has logits that are exact.
  const hidden = Float32Array.from({ length: tokens * columns }, () => (isPlain ? 1 : 3 * next() + 0.5))
  const vector = (): Float32Array => Float32Array.from({ length: columns }, () => (isPlain ? 1 : 1 + 0.4 * next()))
  return { hidden, norm: isLayerNorm ? [vector(), vector()] : [vector()] }
}

async function runCase(gpu: RunnerGpu, one: HeadCase): Promise<HeadResult[]> {
  const { columns, floatType = 'f32', k, mostBytes, isLayerNorm = false, scale = 1, softcap = 0 } = one
  const held = hold(one, weightsOf(one))
  const { hidden, norm } = inputsOf(one)
  const encoded = floatType === 'f16' ? f32ToF16Array(hidden) : hidden
  const given = encoded instanceof Uint16Array ? f16ToF32Array(encoded) : hidden
  const { plan, built } = planOf(one, held, norm)
  const space = {
    weights: new Uint8Array(16 * Math.ceil(Math.max(...[...built.values()].flat().map(({ length }) => length)) / 8)),
    scratch: createScratch(),
  }
  const head = await openGpuHead({ gpu, plan, floatType, k, ...(mostBytes === undefined ? {} : { mostBytes }) }, builderOf(built), space)
  const memory = createGpuMemory(gpu.device)
  const buffer = memory.growing('hidden').atLeast(encoded.byteLength)
  memory.write(buffer, padded(bytesOf(encoded)))
  const results = await compare(head, { buffer, tokens: given.length / columns }, one, (row) => {
    const x = Array.from(given.subarray(row * columns, (row + 1) * columns))
    const normed = normReference(x, norm[0] ?? new Float32Array(0), norm[1] ?? new Float32Array(columns), 1e-5, isLayerNorm)
    const magnitudes = logitsReference(held.dense.map(Math.abs), normed.map(Math.abs), Math.abs(scale), 0)
    return { logits: logitsReference(held.dense, normed, scale, softcap), magnitudes }
  })
  head.release()
  memory.destroy()
  return results
}

/** WebGPU writes whole words. */
function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(4 * Math.ceil(bytes.length / 4))
  whole.set(bytes)
  return whole
}

const isSameList = (a: Shortlist | undefined, b: Shortlist | undefined): boolean =>
  a !== undefined && b !== undefined && Object.is(a.logSumExp, b.logSumExp) && a.ids.join() === b.ids.join() && a.logits.join() === b.logits.join()

type Reference = { readonly logits: readonly number[]; readonly magnitudes: readonly number[] }

async function compare(
  head: GpuHead,
  hidden: Parameters<GpuHead['logits']>[0],
  { rows, k, vocab }: HeadCase,
  referenceOf: (row: number) => Reference,
): Promise<HeadResult[]> {
  const heads = await head.heads(hidden, rows, false)
  const both = await head.heads(hidden, rows, true)
  const all = await head.logits(hidden, rows)
  return rows.map((row, i) => {
    const { logits, magnitudes } = referenceOf(row)
    const own = all.slice(i * vocab, (i + 1) * vocab)
    const [list, beside] = [heads[i]?.shortlist, both[i]]
    const isSameBeside = isSameList(list, beside?.shortlist) && own.every((logit, id) => Object.is(logit, beside?.logits?.[id]))
    const shares = logits.map((logit, id) => {
      const actual = own[id] ?? NaN
      // Equal, both no number, or so far apart.
      return Object.is(actual + 0, logit + 0) || (Number.isNaN(actual) && Number.isNaN(logit)) ? 0 : Math.abs(actual - logit) / (magnitudes[id] || 1)
    })
    return {
      isSameBeside,
      list: { ids: [...(list?.ids ?? [])], logits: [...(list?.logits ?? [])], logSumExp: list?.logSumExp ?? 0 },
      own: listReference(own, k),
      expected: listReference(logits, k),
      worst: shares.reduce((most, share) => (share <= most ? most : share), 0),
    }
  })
}

/** Of every case, its rows. */
export async function head(cases: readonly HeadCase[]): Promise<HeadResult[][]> {
  const gpu = await openRunnerGpu()
  const results: HeadResult[][] = []
  for (const one of cases) results.push(await runCase(gpu, one))
  gpu.device.destroy()
  return results
}
