/** Which blocks of integers a matrix is held in where the backend reads blocks: the stored ones where they fit, else quantized anew. */
import type { WeightRef } from '../arch/layer-builder.ts'
import type { TensorIndex } from '../model/safetensors.ts'
import type { IntegerForm } from '../quant/gguf-block.ts'
import { BLOCK_LAYOUTS, isBlockType, type BlockType } from '../quant/gguf-blocks.ts'
import type { BlockShape } from '../quant/integer-blocks.ts'
import type { StoredType } from '../quant/stored.ts'

/** `isRepacked`: integers and scales are those of the checkpoint. */
export type BlockForm = BlockShape & { readonly isRepacked: boolean }

/** The type whose blocks a reference is stored in; its rows lie as they are used, or in another order. Null where there are none. */
function blockTypeOf(ref: WeightRef, tensors: TensorIndex): BlockType | null {
  if (ref.mxfp4Scales !== undefined) return 'mxfp4'
  const type = tensors.get(ref.tensor)?.type ?? null
  return type !== null && isBlockType(type) && !ref.transposed ? type : null
}

/** Integers and scales of a stored type. Null where elements have a minimum too, or are floats. */
export const integerFormOf = (type: StoredType): IntegerForm | null => (isBlockType(type) ? (BLOCK_LAYOUTS[type].integers ?? null) : null)

/** Nibbles, scales and minima of a stored type. Null where it has no minima, or not nibbles. */
export const minimaFormOf = (type: StoredType): IntegerForm | null => (isBlockType(type) ? (BLOCK_LAYOUTS[type].minima ?? null) : null)

const bitsOf = (type: BlockType): number => (8 * BLOCK_LAYOUTS[type].bytes) / BLOCK_LAYOUTS[type].elements

const usual = new WeakMap<TensorIndex, number>()
/** Bits a weight of the type that most of the checkpoint's matrices have, among those in blocks: one table of a whole vocabulary is no majority. */
function usualBits(tensors: TensorIndex): number {
  const known = usual.get(tensors)
  if (known !== undefined) return known
  const counts = new Map<number, number>()
  for (const { type, shape } of tensors.values()) {
    if (type !== null && isBlockType(type) && shape.length > 1) counts.set(bitsOf(type), (counts.get(bitsOf(type)) ?? 0) + 1)
  }
  const [most] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), [Infinity, 0])
  usual.set(tensors, most)
  return most
}

/** Who mixed the file gave these weights over a bit more than most: they are the ones that a further loss harms most. */
const isEmphasized = (type: BlockType, tensors: TensorIndex): boolean => bitsOf(type) > usualBits(tensors) + 1

/** @param format of the device for the whole model; what a matrix takes within it is its own */
export function blockFormOf(ref: WeightRef, tensors: TensorIndex, format: 'int8' | 'int4'): BlockForm {
  const type = blockTypeOf(ref, tensors)
  const stored = type === null ? null : integerFormOf(type)
  const isWide = format === 'int8' || (type !== null && isEmphasized(type, tensors))
  if (stored && (stored.bits === 4 || isWide)) return { bits: stored.bits, size: stored.group, isRepacked: true }
  return { bits: isWide ? 8 : 4, size: 32, isRepacked: false }
}
