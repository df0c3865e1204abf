/** What the families of GGUF blocks share. Source of every layout: ggml `ggml-common.h` and `ggml-quants.c`. */
import { f16BitsToF32 } from './float16.ts'

/** Writes the elements of the block at byte `at` from `out[to]` on. Products are rounded to f32 as the reference's are. */
export type DecodeBlock = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void

/** How a block's elements are integers times a scale for each `group` of them: their product, rounded to f32, is the element. */
export type IntegerForm = {
  /** The integers fit in so many, sign included. */
  readonly bits: 4 | 8
  readonly group: 16 | 32
  /** Writes the integers of the block at byte `at` from `integers[to]` on, and its scales from `scales[scaleTo]` on. */
  readonly split: (bytes: Uint8Array, at: number, integers: Int8Array, to: number, scales: Float32Array, scaleTo: number) => void
}

export type BlockLayout = {
  /** The type's number in a GGUF file. */
  readonly ggmlType: number
  readonly elements: number
  readonly bytes: number
  readonly decode: DecodeBlock
  /** Of types without minima. */
  readonly integers?: IntegerForm
  /**
   * Of types whose elements are nibbles times a scale, plus a minimum, for each 32: integers are nibbles less 8, and the two factors of 32 elements
   * lie where scales for each 16 would.
   */
  readonly minima?: IntegerForm
}

/** Bytes are read within a whole block: the caller has checked the length. */
export const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0
export const int8At = (bytes: Uint8Array, at: number): number => (byteAt(bytes, at) << 24) >> 24
export const uint16At = (bytes: Uint8Array, at: number): number => byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8)
export const halfAt = (bytes: Uint8Array, at: number): number => f16BitsToF32(uint16At(bytes, at))
export const product = (a: number, b: number): number => Math.fround(a * b)

/** A layout whose elements are what its integers and scales multiply to. */
export function integerLayout(ggmlType: number, elements: number, bytes: number, integers: IntegerForm): BlockLayout {
  const { group, split } = integers
  const quants = new Int8Array(elements)
  const scales = new Float32Array(elements / group)
  const decode: DecodeBlock = (source, at, out, to) => {
    split(source, at, quants, 0, scales, 0)
    for (let i = 0; i < elements; i++) out[to + i] = (scales[Math.floor(i / group)] ?? 0) * (quants[i] ?? 0)
  }
  return { ggmlType, elements, bytes, decode, integers }
}
