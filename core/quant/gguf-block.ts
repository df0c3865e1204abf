/** What the families of GGUF blocks share. Source of every layout: ggml `ggml-common.h` and `ggml-quants.c`. */
import { f16BitsToF32 } from './float16.ts'

/** Writes the elements of the block at byte `at` from `out[to]` on. Products are rounded to f32 as the reference's are. */
export type DecodeBlock = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void

export type BlockLayout = {
  /** The type's number in a GGUF file. */
  readonly ggmlType: number
  readonly elements: number
  readonly bytes: number
  readonly decode: DecodeBlock
}

/** Bytes are read within a whole block: the caller has checked the length. */
export const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0
export const int8At = (bytes: Uint8Array, at: number): number => (byteAt(bytes, at) << 24) >> 24
export const uint16At = (bytes: Uint8Array, at: number): number => byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8)
export const halfAt = (bytes: Uint8Array, at: number): number => f16BitsToF32(uint16At(bytes, at))
export const product = (a: number, b: number): number => Math.fround(a * b)
