/** A model whose output matrix is its embedding table: the table is held as the head's matrix is, and once where a device has both. */
import { architectureOf } from '../arch/registry.ts'
import type { LayerRange } from '../cluster/sizing.ts'
import { columnsOf, rowsOf } from '../graph/weight-source.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { bf16ToF32Array, f16ToF32Array } from '../quant/float16.ts'
import { BLOCK } from '../../kernels/opcodes.ts'
import { rowBytes, scalesAt, scalesPerRow, type HeldWeight } from './held-matrix.ts'
import type { Program } from './program.ts'
import { unwovenFloats } from './weave-floats.ts'
import { nibblesOfEights, unwovenRow } from './weave.ts'

/**
 * The head's matrix where it serves as the table of a first shard too, whether that is the last or not: a split model embeds as the whole one
 * does. Null where the table is held as stored.
 */
export function tiedTable({ config, tensors }: ModelDescription, { startLayer }: LayerRange, head: Program): HeldWeight | null {
  if (startLayer !== 0) return null
  const { weight } = architectureOf(config.modelType).embedding(config)
  const isTable = ({ sources }: HeldWeight): boolean => {
    const [ref, ...others] = sources
    if (!ref || others.length > 0 || ref.tensor !== weight.tensor) return false
    return !ref.transposed && !ref.order && !ref.rows && !ref.offset && rowsOf(ref) === rowsOf(weight) && columnsOf(ref) === columnsOf(weight)
  }
  // What a file adds to a tensor is taken off the head's rows, and not off the table's.
  return tensors.get(weight.tensor)?.plus === undefined ? (head.weights.find(isTable) ?? null) : null
}

/** Row `row` of a matrix in f32. @param place the bytes of the whole weight, or more */
export function heldRow(weight: HeldWeight, place: Uint8Array, row: number): Float32Array {
  const { held, columns } = weight
  const at = place.byteOffset + row * rowBytes(held, columns)
  switch (held) {
    case 'vector':
      return new Float32Array(place.buffer, at, columns).slice()
    case 'f32':
      return new Float32Array(unwovenFloats(place, { ...weight, held }, row), 0, columns)
    case 'f16':
      return f16ToF32Array(new Uint16Array(unwovenFloats(place, { ...weight, held }, row), 0, columns))
    case 'bf16':
      return bf16ToF32Array(new Uint16Array(unwovenFloats(place, { ...weight, held }, row), 0, columns))
    case 'int4-blocks': {
      const { values, scales } = unwovenRow(place, weight, row)
      return nibbleRow(nibblesOfEights(values), columns, (nibble, block) => (nibble - 8) * (scales[block] ?? 0))
    }
    case 'int4-minima': {
      const { values, scales } = unwovenRow(place, weight, row)
      const weightOf = (nibble: number, block: number): number => Math.fround(nibble * (scales[2 * block] ?? 0)) - 8 * (scales[2 * block + 1] ?? 0)
      return nibbleRow(nibblesOfEights(values), columns, weightOf)
    }
    case 'int8-rows': {
      const { values, scales } = unwovenRow(place, weight, row)
      return byteRow(new Int8Array(values.buffer, 0, columns), scales, columns)
    }
    case 'int8-blocks':
    case 'int8-blocks16': {
      const count = scalesPerRow(held, columns)
      const scales = new Float32Array(place.buffer, place.byteOffset + scalesAt(weight) + row * count * 4, count)
      return byteRow(new Int8Array(place.buffer, at, columns), scales, held === 'int8-blocks' ? BLOCK : BLOCK / 2)
    }
  }
}

const byteRow = (integers: Int8Array, scales: Float32Array, size: number): Float32Array =>
  Float32Array.from(integers, (integer, i) => integer * (scales[Math.floor(i / size)] ?? 0))

function nibbleRow(bytes: Uint8Array, columns: number, weightOf: (nibble: number, block: number) => number): Float32Array {
  return Float32Array.from({ length: columns }, (_, i) => {
    const [block, within] = [Math.floor(i / BLOCK), i % BLOCK]
    const byte = bytes[block * (BLOCK / 2) + (within % (BLOCK / 2))] ?? 0
    return weightOf(within < BLOCK / 2 ? byte & 15 : byte >> 4, block)
  })
}
