/** How the simd backend holds weights: bytes of a matrix, and which form a format means for a stored tensor. */
import type { WeightRef } from '../arch/layer-builder.ts'
import { blockFormOf, integerFormOf, minimaFormOf } from '../graph/block-form.ts'
import type { TensorIndex } from '../model/safetensors.ts'
import type { StoredType } from '../quant/stored.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import * as code from '../../kernels/opcodes.ts'

/** `int8-rows`: one scale a row; `-blocks`: one for each 32 of a row; `int8-blocks16`: for each 16; `int4-minima`: a scale and a minimum for each 32. Scales are f32. */
export type MatrixForm = 'f32' | 'f16' | 'bf16' | 'int8-rows' | 'int8-blocks' | 'int8-blocks16' | 'int4-blocks' | 'int4-minima'
export type FloatForm = Extract<MatrixForm, 'f32' | 'f16' | 'bf16'>
/** `vector`: f32 in order, one row that no product reads. */
export type Held = MatrixForm | 'vector'
export const HELD_CODES: Readonly<Record<MatrixForm, number>> = {
  f32: code.HELD_F32,
  f16: code.HELD_F16,
  bf16: code.HELD_BF16,
  'int8-rows': code.HELD_INT8_ROW,
  'int8-blocks': code.HELD_INT8_BLOCK,
  'int8-blocks16': code.HELD_INT8_BLOCK16,
  'int4-blocks': code.HELD_INT4_BLOCK,
  'int4-minima': code.HELD_INT4_MINIMA,
}
export const isInteger = (held: Held): boolean => held.startsWith('int')
export const isFloatMatrix = (held: Held): held is FloatForm => held === 'f32' || held === 'f16' || held === 'bf16'
export const isNibbles = (held: Held): boolean => held.startsWith('int4')

/** Rows of all `sources` behind each other: a matrix, a stack of equal ones, or the parts of a vector. */
export type HeldWeight<Form extends Held = Held> = {
  readonly held: Form
  readonly sources: readonly WeightRef[]
  readonly rows: number
  readonly columns: number
}

/** Kernels load vectors: whatever follows begins at a multiple of this. */
const ALIGNMENT = 16
export const aligned = (bytes: number): number => ALIGNMENT * Math.ceil(bytes / ALIGNMENT)
/** Columns of a row of a float matrix, with those that fill its last unit. */
export const paddedColumns = (columns: number): number => code.FLOAT_UNIT * Math.ceil(columns / code.FLOAT_UNIT)
/** Blocks of a row of integers, the last one padded. */
export const blocksOf = (columns: number): number => Math.ceil(columns / code.BLOCK)
/** Of so many columns or blocks, how many lie together: at most `most`, and all stretches alike but for the last, which may be shorter. */
export const stretchLength = (count: number, most: number): number => Math.ceil(count / Math.ceil(count / most))

/** Bytes of a row's elements; integers are padded to whole blocks, floats of matrices to whole units. */
export function rowBytes(held: Held, columns: number): number {
  switch (held) {
    case 'vector':
      return columns * 4
    case 'f32':
      return paddedColumns(columns) * 4
    case 'f16':
    case 'bf16':
      return paddedColumns(columns) * 2
    case 'int8-rows':
    case 'int8-blocks':
    case 'int8-blocks16':
      return blocksOf(columns) * code.BLOCK
    case 'int4-blocks':
    case 'int4-minima':
      return (blocksOf(columns) * code.BLOCK) / 2
  }
}

/** Scales of a row; minima count as some. */
export function scalesPerRow(held: Held, columns: number): number {
  switch (held) {
    case 'vector':
    case 'f32':
    case 'f16':
    case 'bf16':
      return 0
    case 'int8-rows':
      return 1
    case 'int8-blocks':
    case 'int4-blocks':
      return blocksOf(columns)
    case 'int8-blocks16':
    case 'int4-minima':
      return blocksOf(columns) * 2
  }
}

/** Rows of these forms are woven in fours: each in turn with one word, so that a kernel reads memory in order. */
export const isWoven = (held: Held): boolean => held === 'int8-rows' || isNibbles(held)
/** Rows of one matrix with those that fill the last four. */
export const placedRows = (held: Held, rows: number): number => (isWoven(held) || isFloatMatrix(held) ? 4 * Math.ceil(rows / 4) : rows)
/** Bytes of the elements of one matrix; of its scales. */
export const elementBytes = (held: Held, rows: number, columns: number): number => placedRows(held, rows) * rowBytes(held, columns)
export const scaleBytes = (held: Held, rows: number, columns: number): number => placedRows(held, rows) * scalesPerRow(held, columns) * 4

/** Offset of the scales, behind all elements. */
export const scalesAt = ({ held, sources, rows, columns }: HeldWeight): number =>
  aligned(sources.length * elementBytes(held, rows / sources.length, columns))
export const heldBytesOf = (weight: HeldWeight): number => {
  const { held, sources, rows, columns } = weight
  return scalesAt(weight) + aligned(sources.length * scaleBytes(held, rows / sources.length, columns))
}

/** Nibbles with minima that lie as they are used. */
function hasMinima({ tensor, transposed, offset, mxfp4Scales }: WeightRef, tensors: TensorIndex): boolean {
  const type = tensors.get(tensor)?.type
  return !!type && minimaFormOf(type) !== null && !transposed && !offset && mxfp4Scales === undefined
}

function heldInBlocks(ref: WeightRef, tensors: TensorIndex, format: 'int8' | 'int4'): MatrixForm {
  if (hasMinima(ref, tensors)) return 'int4-minima'
  const { bits, size, isRepacked } = blockFormOf(ref, tensors, format)
  if (bits === 4 && size === code.BLOCK) return 'int4-blocks'
  if (!isRepacked) return 'int8-rows'
  return size === code.BLOCK ? 'int8-blocks' : 'int8-blocks16'
}

/** The form of a matrix on a device of `format`: as stored where that is no worse, else quantized or widened at load. */
export function heldAs(format: WeightFormat, ref: WeightRef, tensors: TensorIndex): MatrixForm {
  switch (format) {
    case 'f32':
      return 'f32'
    case 'f16':
      return tensors.get(ref.tensor)?.type === 'bf16' ? 'bf16' : 'f16'
    case 'int8':
    case 'int4':
      return heldInBlocks(ref, tensors, format)
  }
}

/** Whether `held` has a place for each integer and scale of a stored type. */
export function holdsBlocksOf(held: Held, type: StoredType): boolean {
  const form = integerFormOf(type)
  if (!form) return held === 'int4-minima' && minimaFormOf(type) !== null
  const { bits, group } = form
  return group === 16 ? held === 'int8-blocks16' : held === 'int8-blocks' || (held === 'int4-blocks' && bits === 4)
}
