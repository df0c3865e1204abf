/** How each initializer of a graph is made from checkpoint tensors, and how many bytes it takes. */
import type { FloatType } from '../../protocol/cluster.ts'
import type { WeightRef } from '../arch/layer-builder.ts'
import { ropeTables } from '../arch/rope.ts'
import { f16ToF32Array, f32ToF16Array, f32ToF16Bits } from '../quant/float16.ts'
import { quantizeInt4 } from '../quant/int4.ts'
import { quantizeInt8Rows } from '../quant/int8.ts'
import { bytesOf } from '../quant/stored.ts'
import { transposeInto } from '../quant/transpose.ts'
import { ELEMENT_BYTES, elementCount, type ElementType } from './onnx.ts'
import { columnsOf, readRows, rowsOf, type PartLookup } from './weight-source.ts'

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

export const plannedBytes = (plan: WeightPlan): number =>
  plan.tensors.reduce((sum, tensor) => sum + elementCount(tensor.dims) * ELEMENT_BYTES[tensor.type], 0)

export const sourcesOf = (plan: WeightPlan): readonly WeightRef[] => (plan.recipe === 'rope' ? [] : plan.sources)

const encodeFloats = (values: Float32Array, type: FloatType): Uint8Array => bytesOf(type === 'f16' ? f32ToF16Array(values) : values)

/** Decodes and joins the sources: row-major [rows, columns] in f32. */
function gatherRows(sources: readonly WeightRef[], lookup: PartLookup): { values: Float32Array; rows: number; columns: number } {
  const [first] = sources
  if (!first) throw new Error('a weight plan without sources')
  const columns = columnsOf(first)
  const rows = sources.reduce((sum, ref) => sum + rowsOf(ref), 0)
  const values = new Float32Array(rows * columns)
  let filled = 0
  for (const ref of sources) {
    const part = readRows(ref, lookup)
    values.set(part, filled)
    if (ref.offset) for (let i = filled; i < filled + part.length; i++) values[i] = (values[i] ?? 0) + ref.offset
    filled += part.length
  }
  return { values, rows, columns }
}

function buildArrays(plan: WeightPlan, lookup: PartLookup): readonly Uint8Array[] {
  if (plan.recipe === 'rope') {
    const { cos, sin } = ropeTables(plan.inverseFrequencies, plan.magnitude, plan.tensors[0]?.dims[0] ?? 0)
    return [encodeFloats(cos, plan.floatType), encodeFloats(sin, plan.floatType)]
  }
  const { values, rows, columns } = gatherRows(plan.sources, lookup)
  switch (plan.recipe) {
    case 'vector':
      return [encodeFloats(values, plan.floatType)]
    case 'transposed': {
      const transposed = new Float32Array(values.length)
      transposeInto(values, transposed, rows, columns)
      return [encodeFloats(transposed, plan.floatType)]
    }
    case 'int8-columns': {
      const quantized = quantizeInt8Rows(values, rows, columns)
      const transposed = new Int8Array(values.length)
      transposeInto(quantized.values, transposed, rows, columns)
      return [bytesOf(transposed), bytesOf(quantized.scales)]
    }
    case 'int4-blocks': {
      const round = plan.floatType === 'f16' ? (scale: number) => f16ToF32Array(Uint16Array.of(f32ToF16Bits(scale)))[0] ?? 0 : Math.fround
      const blocks = quantizeInt4(values, rows, columns, round)
      return [blocks.nibbles, encodeFloats(blocks.scales, plan.floatType)]
    }
  }
}

/** The bytes of the plan's initializers, in order. `lookup` gives the stored parts that `locationsOf` of its sources names. */
export function buildWeights(plan: WeightPlan, lookup: PartLookup): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
  const arrays = buildArrays(plan, lookup)
  return plan.tensors.map((tensor, i) => {
    const bytes = arrays[i]
    const expected = elementCount(tensor.dims) * ELEMENT_BYTES[tensor.type]
    if (bytes?.length !== expected) throw new Error(`${tensor.name}: built ${bytes?.length} bytes, planned ${expected}`)
    return { name: tensor.name, bytes }
  })
}
