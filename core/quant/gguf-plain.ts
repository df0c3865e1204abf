/** GGUF blocks of 32 with one scale, and in the `_1` types one minimum: the first half's nibbles are the low ones, the second's the high ones. */
import { byteAt, halfAt, int8At, product, type BlockLayout, type DecodeBlock } from './gguf-block.ts'

const HALF = 16

/** @param fifth where the fifth bits lie, 32 of them; null for four bits @param symmetric q is centred, else a minimum follows the scale */
function nibbles(quants: number, fifth: number | null, symmetric: boolean): DecodeBlock {
  const zero = symmetric ? (fifth === null ? 8 : 16) : 0
  return (bytes, at, out, to) => {
    const scale = halfAt(bytes, at)
    const minimum = symmetric ? 0 : halfAt(bytes, at + 2)
    for (let i = 0; i < 2 * HALF; i++) {
      const byte = byteAt(bytes, at + quants + (i % HALF))
      const high = fifth === null ? 0 : ((byteAt(bytes, at + fifth + (i >> 3)) >> (i & 7)) & 1) << 4
      out[to + i] = product(scale, ((i < HALF ? byte & 15 : byte >> 4) | high) - zero) + minimum
    }
  }
}

export const PLAIN_BLOCKS = {
  q4_0: { ggmlType: 2, elements: 32, bytes: 18, decode: nibbles(2, null, true) },
  q4_1: { ggmlType: 3, elements: 32, bytes: 20, decode: nibbles(4, null, false) },
  q5_0: { ggmlType: 6, elements: 32, bytes: 22, decode: nibbles(6, 2, true) },
  q5_1: { ggmlType: 7, elements: 32, bytes: 24, decode: nibbles(8, 4, false) },
  q8_0: {
    ggmlType: 8,
    elements: 32,
    bytes: 34,
    decode: (bytes, at, out, to) => {
      const scale = halfAt(bytes, at)
      for (let i = 0; i < 32; i++) out[to + i] = scale * int8At(bytes, at + 2 + i)
    },
  },
} as const satisfies Record<string, BlockLayout>
