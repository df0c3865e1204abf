/** How each initializer of a graph is made from checkpoint tensors, and how many bytes it takes. */
import type { FloatType } from '../../protocol/cluster.ts'
import type { WeightRef } from '../arch/layer-builder.ts'
import { ropeTables } from '../arch/rope.ts'
import type { TensorIndex, TensorLocation } from '../model/safetensors.ts'
import { f16ToF32Array, f32ToF16Array, f32ToF16Bits } from '../quant/float16.ts'
import { INT4_BLOCK, quantizeInt4 } from '../quant/int4.ts'
import { quantizeInt8Rows } from '../quant/int8.ts'
import { asFloat32, asUint16 } from '../quant/stored.ts'
import { transposeInto } from '../quant/transpose.ts'
import { ELEMENT_BYTES, elementCount, type ElementType } from './onnx.ts'
import { columnsOf, locationsOf, rowReader, rowsOf, type PartLookup } from './weight-source.ts'

export type PlannedTensor = { readonly name: string; readonly type: ElementType; readonly dims: readonly number[] }

/**
 * One recipe over the rows of `sources`, concatenated in order; `tensors` are the initializers it yields.
 * `vector`: as it is. `transposed`: [in, out]. `int8-columns`: values [in, out] and scales [out]. `int4-blocks`: nibbles and scales of MatMulNBits.
 */
export type WeightPlan =
  | {
      readonly recipe: 'vector' | 'transposed' | 'int8-columns' | 'int4-blocks'
      readonly sources: readonly WeightRef[]
      readonly tensors: readonly PlannedTensor[]
      readonly floatType: FloatType
    }
  /** cos and sin, [positions, pairs]; a pair of null does not turn. */
  | {
      readonly recipe: 'rope'
      readonly inverseFrequencies: readonly (number | null)[]
      readonly magnitude: number
      readonly tensors: readonly PlannedTensor[]
      readonly floatType: FloatType
    }

export const tensorBytes = ({ dims, type }: PlannedTensor): number => elementCount(dims) * ELEMENT_BYTES[type]
export const plannedBytes = (plan: WeightPlan): number => plan.tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0)

/** Parts of stored tensors that the plans are made of, by key. */
export const storedParts = (plans: readonly WeightPlan[], tensors: TensorIndex): ReadonlyMap<string, TensorLocation> =>
  new Map(plans.flatMap(sourcesOf).flatMap((ref) => locationsOf(ref, tensors)))
export const partBytes = (parts: ReadonlyMap<string, TensorLocation>): number =>
  [...parts.values()].reduce((sum, { start, end }) => sum + end - start, 0)

export const sourcesOf = (plan: WeightPlan): readonly WeightRef[] => (plan.recipe === 'rope' ? [] : plan.sources)

/** Weights decoded at once: small beside any matrix worth loading, large enough that calls do not count. */
const BLOCK_ELEMENTS = 1024 * 1024

type Block = { readonly values: Float32Array; readonly firstRow: number; readonly rows: number }

/** The rows of all sources behind each other, decoded in blocks of whole rows. */
function* blocksOf(sources: readonly WeightRef[], lookup: PartLookup): Generator<Block> {
  let firstRow = 0
  for (const ref of sources) {
    const [read, count, step] = [rowReader(ref, lookup), rowsOf(ref), Math.max(1, Math.floor(BLOCK_ELEMENTS / columnsOf(ref)))]
    for (let start = 0; start < count; start += step) {
      const rows = Math.min(step, count - start)
      const values = read(start, start + rows)
      const { offset } = ref
      yield { values: offset ? values.map((value) => value + offset) : values, firstRow: firstRow + start, rows }
    }
    firstRow += count
  }
}

const floatsIn = (target: Uint8Array, type: FloatType): Float32Array | Uint16Array => (type === 'f16' ? asUint16(target) : asFloat32(target))
const encode = (values: Float32Array, type: FloatType): Float32Array | Uint16Array => (type === 'f16' ? f32ToF16Array(values) : values)
const roundTo = (type: FloatType): ((value: number) => number) =>
  type === 'f16' ? (value) => f16ToF32Array(Uint16Array.of(f32ToF16Bits(value)))[0] ?? 0 : Math.fround

/** What a recipe does with one block: writes its part of the targets, which hold `rows` rows in all. */
type BlockWriter = (block: Block, columns: number, rows: number) => void

function blockWriter(recipe: Exclude<WeightPlan['recipe'], 'rope'>, floatType: FloatType, targets: readonly Uint8Array[]): BlockWriter {
  const [first = EMPTY, second = EMPTY] = targets
  switch (recipe) {
    case 'vector': {
      const out = floatsIn(first, floatType)
      return ({ values, firstRow }, columns) => out.set(encode(values, floatType), firstRow * columns)
    }
    case 'transposed': {
      const out = floatsIn(first, floatType)
      return (block, columns, rows) => transposeInto(encode(block.values, floatType), out, block.rows, columns, rows, block.firstRow)
    }
    case 'int8-columns': {
      const [out, scales] = [new Int8Array(first.buffer, first.byteOffset, first.length), asFloat32(second)]
      return (block, columns, rows) => {
        const quantized = quantizeInt8Rows(block.values, block.rows, columns)
        transposeInto(quantized.values, out, block.rows, columns, rows, block.firstRow)
        scales.set(quantized.scales, block.firstRow)
      }
    }
    case 'int4-blocks': {
      const scales = floatsIn(second, floatType)
      return (block, columns) => {
        const blocks = Math.ceil(columns / INT4_BLOCK)
        const quantized = quantizeInt4(block.values, block.rows, columns, roundTo(floatType))
        first.set(quantized.nibbles, block.firstRow * blocks * (INT4_BLOCK / 2))
        scales.set(encode(quantized.scales, floatType), block.firstRow * blocks)
      }
    }
  }
}
const EMPTY = new Uint8Array(0)

/**
 * Writes the plan's initializers, in order, over all of `targets`: memory of exactly their sizes, aligned for their elements.
 * `lookup` gives the stored parts that `locationsOf` of its sources names. Holds a few megabytes beside both.
 */
export function buildWeights(plan: WeightPlan, lookup: PartLookup, targets: readonly Uint8Array[]): void {
  if (plan.recipe === 'rope') {
    const { cos, sin } = ropeTables(plan.inverseFrequencies, plan.magnitude, plan.tensors[0]?.dims[0] ?? 0)
    for (const [i, table] of [cos, sin].entries()) floatsIn(targets[i] ?? EMPTY, plan.floatType).set(encode(table, plan.floatType))
    return
  }
  const [first] = plan.sources
  if (!first) throw new Error('a weight plan without sources')
  const columns = columnsOf(first)
  if (plan.sources.some((ref) => columnsOf(ref) !== columns)) throw new Error(`rows of different lengths at ${first.tensor}`)
  const rows = plan.sources.reduce((sum, ref) => sum + rowsOf(ref), 0)
  const write = blockWriter(plan.recipe, plan.floatType, targets)
  for (const block of blocksOf(plan.sources, lookup)) write(block, columns, rows)
}
