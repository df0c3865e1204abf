/** GGUF blocks of 32 with one scale, and in the `_1` types one minimum: the first half's nibbles are the low ones, the second's the high ones. */
import { byteAt, halfAt, int8At, integerLayout, product, type BlockLayout, type DecodeBlock, type IntegerForm } from './gguf-block.ts'

const HALF = 16

/** Element `i`, unsigned. @param fifth where the fifth bits lie, 32 of them; null for four bits */
function quantAt(bytes: Uint8Array, quants: number, fifth: number | null, i: number): number {
  const byte = byteAt(bytes, quants + (i % HALF))
  const high = fifth === null ? 0 : ((byteAt(bytes, fifth + (i >> 3)) >> (i & 7)) & 1) << 4
  return (i < HALF ? byte & 15 : byte >> 4) | high
}

/** Centred: no minimum. Offsets are from the block's first byte. */
function centred(quants: number, fifth: number | null): IntegerForm {
  const zero = fifth === null ? 8 : 16
  return {
    bits: fifth === null ? 4 : 8,
    group: 32,
    split: (bytes, at, integers, to, scales, scaleTo) => {
      scales[scaleTo] = halfAt(bytes, at)
      for (let i = 0; i < 2 * HALF; i++) integers[to + i] = quantAt(bytes, at + quants, fifth === null ? null : at + fifth, i) - zero
    },
  }
}

function withMinimum(quants: number, fifth: number | null): DecodeBlock {
  return (bytes, at, out, to) => {
    const [scale, minimum] = [halfAt(bytes, at), halfAt(bytes, at + 2)]
    for (let i = 0; i < 2 * HALF; i++) out[to + i] = product(scale, quantAt(bytes, at + quants, fifth === null ? null : at + fifth, i)) + minimum
  }
}

/** Nibbles of 16 bytes behind a scale and a minimum. */
const nibblesWithMinimum: IntegerForm = {
  bits: 4,
  group: 16,
  split: (bytes, at, integers, to, factors, factorTo) => {
    factors[factorTo] = halfAt(bytes, at)
    factors[factorTo + 1] = halfAt(bytes, at + 2)
    for (let i = 0; i < 2 * HALF; i++) integers[to + i] = quantAt(bytes, at + 4, null, i) - 8
  },
}

const bytesOfEight: IntegerForm = {
  bits: 8,
  group: 32,
  split: (bytes, at, integers, to, scales, scaleTo) => {
    scales[scaleTo] = halfAt(bytes, at)
    for (let i = 0; i < 32; i++) integers[to + i] = int8At(bytes, at + 2 + i)
  },
}

export const PLAIN_BLOCKS = {
  q4_0: integerLayout(2, 32, 18, centred(2, null)),
  q4_1: { ggmlType: 3, elements: 32, bytes: 20, decode: withMinimum(4, null), minima: nibblesWithMinimum },
  q5_0: integerLayout(6, 32, 22, centred(6, 2)),
  q5_1: { ggmlType: 7, elements: 32, bytes: 24, decode: withMinimum(8, 4) },
  q8_0: integerLayout(8, 32, 34, bytesOfEight),
} as const satisfies Record<string, BlockLayout>
