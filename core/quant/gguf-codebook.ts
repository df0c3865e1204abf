/** GGUF blocks whose nibbles choose from a table (IQ4, MXFP4), and ternary ones (TQ). */
import { byteAt, halfAt, product, uint16At, type BlockLayout, type DecodeBlock } from './gguf-block.ts'

const IQ4 = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
/** E2M1 doubled: the scale is halved for it. */
const MXFP4 = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
const MXFP4_BIAS = 128

/** 32 elements from 16 bytes: the first half's in the low nibbles. */
function lookUp(table: Int8Array, scale: number, bytes: Uint8Array, at: number, out: Float32Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    const byte = byteAt(bytes, at + i)
    out[to + i] = scale * (table[byte & 15] ?? 0)
    out[to + 16 + i] = scale * (table[byte >> 4] ?? 0)
  }
}

/** Bytes: d; high pairs of bits of the eight scales, uint16; their low nibbles [4]; nibbles [128]. */
const decodeIq4Xs: DecodeBlock = (bytes, at, out, to) => {
  const [scale, high] = [halfAt(bytes, at), uint16At(bytes, at + 2)]
  for (let group = 0; group < 8; group++) {
    const low = (byteAt(bytes, at + 4 + (group >> 1)) >> (4 * (group & 1))) & 15
    const step = product(scale, (low | (((high >> (2 * group)) & 3) << 4)) - 32)
    lookUp(IQ4, step, bytes, at + 8 + group * 16, out, to + group * 32)
  }
}

const POWERS_OF_3 = [1, 3, 9, 27, 81] as const
/** Runs of bytes and the ternary digits in each; a byte is a fraction in base 3, its first digit the first element. */
const TQ1_RUNS = [
  { start: 0, length: 32, digits: 5 },
  { start: 32, length: 16, digits: 5 },
  { start: 48, length: 4, digits: 4 },
] as const

const decodeTq1: DecodeBlock = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at + 52)
  let next = to
  for (const { start, length, digits } of TQ1_RUNS) {
    for (const power of POWERS_OF_3.slice(0, digits)) {
      for (let i = 0; i < length; i++) {
        const rest = (byteAt(bytes, at + start + i) * power) & 255
        out[next++] = scale * (((rest * 3) >> 8) - 1)
      }
    }
  }
}

const decodeTq2: DecodeBlock = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at + 64)
  for (let i = 0; i < 256; i++) {
    const quant = (byteAt(bytes, at + (i >> 7) * 32 + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3
    out[to + i] = scale * (quant - 1)
  }
}

export const CODEBOOK_BLOCKS = {
  iq4_nl: {
    ggmlType: 20,
    elements: 32,
    bytes: 18,
    decode: (bytes, at, out, to) => lookUp(IQ4, halfAt(bytes, at), bytes, at + 2, out, to),
  },
  iq4_xs: { ggmlType: 23, elements: 256, bytes: 136, decode: decodeIq4Xs },
  mxfp4: {
    ggmlType: 39,
    elements: 32,
    bytes: 17,
    decode: (bytes, at, out, to) => lookUp(MXFP4, 2 ** (byteAt(bytes, at) - MXFP4_BIAS), bytes, at + 1, out, to),
  },
  tq1_0: { ggmlType: 34, elements: 256, bytes: 54, decode: decodeTq1 },
  tq2_0: { ggmlType: 35, elements: 256, bytes: 66, decode: decodeTq2 },
} as const satisfies Record<string, BlockLayout>
