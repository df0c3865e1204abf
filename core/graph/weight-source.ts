/** From a reference of an architecture to stored bytes and to rows: what to read, and how it becomes a matrix. */
import type { WeightRef } from '../arch/layer-builder.ts'
import type { TensorIndex, TensorLocation } from '../model/safetensors.ts'
import { decodeMxfp4, MXFP4_BLOCK } from '../quant/mxfp4.ts'
import { unpairRows } from '../quant/paired-rows.ts'
import type { Scratch } from '../quant/scratch.ts'
import { decodeStored, storedBytes, type StoredType } from '../quant/stored.ts'
import { transposeInto } from '../quant/transpose.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { elementCount } from './onnx.ts'

export type StoredPart = Pick<TensorLocation, 'pairedRows' | 'plus'> & { readonly type: StoredType; readonly bytes: Uint8Array }
/** Gives the part of that key. */
export type PartLookup = (key: string) => StoredPart

/** Elements [start, end) of a stored tensor; parts of one key are the same bytes. */
type Part = { readonly key: string; readonly tensor: string; readonly shape: readonly number[]; readonly start: number; readonly end: number }

const itemShape = (ref: WeightRef): readonly number[] => (ref.item === undefined ? ref.shape : ref.shape.slice(1))
/** [out, in] of one matrix before rows are chosen; a vector has one column. */
function matrixShape(ref: WeightRef): { readonly out: number; readonly columns: number } {
  const [first = 1, ...rest] = itemShape(ref)
  return ref.transposed ? { out: elementCount(rest), columns: first } : { out: first, columns: elementCount(rest) }
}

/** Rows after all choices. */
export function rowsOf(ref: WeightRef): number {
  if (ref.order) return ref.order.length
  return ref.rows ? Math.ceil((ref.rows.end - ref.rows.start) / (ref.rows.step ?? 1)) : matrixShape(ref).out
}
export const columnsOf = (ref: WeightRef): number => matrixShape(ref).columns

function slice(tensor: string, shape: readonly number[], start: number, end: number): Part {
  const whole = start === 0 && end === elementCount(shape)
  return { key: whole ? tensor : `${tensor}[${start}:${end}]`, tensor, shape, start, end }
}

/** What must be read: one part, of MXFP4 nibbles and scales. */
export function partsOf(ref: WeightRef): readonly Part[] {
  const size = elementCount(itemShape(ref))
  const first = (ref.item ?? 0) * size
  if (ref.mxfp4Scales !== undefined) {
    const blocks = [...ref.shape.slice(0, -1), (ref.shape.at(-1) ?? 0) / MXFP4_BLOCK]
    return [
      slice(ref.tensor, [...blocks, MXFP4_BLOCK / 2], first / 2, (first + size) / 2),
      slice(ref.mxfp4Scales, blocks, first / MXFP4_BLOCK, (first + size) / MXFP4_BLOCK),
    ]
  }
  if (ref.transposed || !ref.rows) return [slice(ref.tensor, ref.shape, first, first + size)]
  const { columns } = matrixShape(ref)
  return [slice(ref.tensor, ref.shape, first + ref.rows.start * columns, first + ref.rows.end * columns)]
}

/** @throws {ClusterError} bad_checkpoint when the tensor is missing or has another shape or element type than the architecture says */
export function checkStored(tensors: TensorIndex, ref: WeightRef): void {
  for (const { tensor, shape } of partsOf(ref)) {
    const stored = tensors.get(tensor)
    if (!stored) throw new ClusterError('bad_checkpoint', `the checkpoint has no tensor ${tensor}`)
    const isPacked = ref.mxfp4Scales !== undefined
    if (stored.type === null || (stored.type === 'u8') !== isPacked)
      throw new ClusterError('bad_checkpoint', `tensor ${tensor} is stored in an element type that is not read; f32, f16 and bf16 are`)
    if (stored.shape.join() !== shape.join())
      throw new ClusterError('bad_checkpoint', `tensor ${tensor} has shape [${stored.shape.join(', ')}]; [${shape.join(', ')}] was expected`)
  }
}

/** Byte ranges of a reference, by key. */
export function locationsOf(ref: WeightRef, tensors: TensorIndex): readonly (readonly [string, TensorLocation])[] {
  return partsOf(ref).flatMap(({ key, tensor, start, end }) => {
    const stored = tensors.get(tensor)
    if (!stored?.type) return []
    const offset = (elements: number): number => stored.start + storedBytes(stored.type ?? 'u8', elements)
    return [[key, { ...stored, start: offset(start), end: offset(end) }] as const]
  })
}

function decode(ref: WeightRef, lookup: PartLookup): Float32Array {
  const [values, scales] = partsOf(ref).map(({ key }) => lookup(key))
  if (!values) throw new Error('a reference without a part')
  if (scales) return decodeMxfp4(values.bytes, scales.bytes)
  const decoded = decodeStored(values.bytes, values.type)
  const { pairedRows, plus } = values
  const rows = pairedRows === undefined ? decoded : unpairRows(decoded, pairedRows, matrixShape(ref).columns)
  return plus === undefined ? rows : rows.map((value) => value - plus)
}

/** Row-major [rowsOf, columnsOf] in f32. May share the stored bytes' memory. */
function readAllRows(ref: WeightRef, lookup: PartLookup): Float32Array {
  const { out, columns } = matrixShape(ref)
  let values = decode(ref, lookup)
  if (ref.transposed) {
    const rows = new Float32Array(values.length)
    transposeInto(values, rows, columns, out)
    values = rows
  }
  // Contiguous rows of a matrix stored [out, in] were read as such.
  const isWhole = ref.transposed || ref.mxfp4Scales !== undefined
  const { start = 0, end = out, step = 1 } = ref.rows ?? {}
  const first = isWhole ? start : 0
  const chosen = Array.from({ length: Math.ceil((end - start) / step) }, (_, i) => first + i * step)
  const order = ref.order ? ref.order.map((row) => (row < 0 ? -1 : (chosen[row] ?? -1))) : chosen
  if (!ref.order && step === 1) return values.subarray(first * columns, (first + chosen.length) * columns)
  const picked = new Float32Array(order.length * columns)
  for (const [row, from] of order.entries()) if (from >= 0) picked.set(values.subarray(from * columns, (from + 1) * columns), row * columns)
  return picked
}

/** Rows [start, end) of a reference in f32, row-major; they may share memory with the stored bytes or with rows given before. */
export type RowReader = (start: number, end: number) => Float32Array

/** Bytes of rows [start, end) of a reference as they are stored; null where its rows are not rows as stored. */
export function storedRows(ref: WeightRef, lookup: PartLookup): ((start: number, end: number) => Uint8Array) | null {
  const [part] = partsOf(ref).map(({ key }) => lookup(key))
  if (!part || !isAsStored(ref, part) || part.plus !== undefined) return null
  const columns = columnsOf(ref)
  return (start, end) => part.bytes.subarray(storedBytes(part.type, start * columns), storedBytes(part.type, end * columns))
}

/** True where a row of the reference is a row as stored: any block of rows can be decoded by itself. */
const isAsStored = (ref: WeightRef, part: StoredPart): boolean =>
  !ref.transposed && !ref.order && (ref.rows?.step ?? 1) === 1 && ref.mxfp4Scales === undefined && part.pairedRows === undefined

/**
 * Decodes only the rows that are asked for where the checkpoint's order allows, else all of them once.
 * @param scratch where they may lie until the next ones are asked for
 */
export function rowReader(ref: WeightRef, lookup: PartLookup, scratch?: Scratch): RowReader {
  const columns = columnsOf(ref)
  const [part] = partsOf(ref).map(({ key }) => lookup(key))
  if (!part) throw new Error('a reference without a part')
  if (!isAsStored(ref, part)) {
    const rows = readAllRows(ref, lookup)
    return (start, end) => rows.subarray(start * columns, end * columns)
  }
  const { plus } = part
  return (start, end) => {
    const stored = part.bytes.subarray(storedBytes(part.type, start * columns), storedBytes(part.type, end * columns))
    const rows = decodeStored(stored, part.type, scratch?.floats)
    return plus === undefined ? rows : rows.map((value) => value - plus)
  }
}
