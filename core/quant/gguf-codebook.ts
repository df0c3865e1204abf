/** GGUF blocks whose nibbles choose from a table (IQ4, MXFP4), and ternary ones (TQ). */
import { byteAt, halfAt, integerLayout, uint16At, type BlockLayout, type IntegerForm } from './gguf-block.ts'

const IQ4 = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
/** E2M1 doubled: the scale is halved for it. */
const MXFP4 = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
const MXFP4_BIAS = 128

/** 32 elements from 16 bytes: the first half's in the low nibbles. */
function lookUp(table: Int8Array, bytes: Uint8Array, at: number, integers: Int8Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    const byte = byteAt(bytes, at + i)
    integers[to + i] = table[byte & 15] ?? 0
    integers[to + 16 + i] = table[byte >> 4] ?? 0
  }
}

const codebook = (table: Int8Array, scaleAt: (bytes: Uint8Array, at: number) => number, quants: number): IntegerForm => ({
  bits: 8,
  group: 32,
  split: (bytes, at, integers, to, scales, scaleTo) => {
    scales[scaleTo] = scaleAt(bytes, at)
    lookUp(table, bytes, at + quants, integers, to)
  },
})

/** Bytes: d; high pairs of bits of the eight scales, uint16; their low nibbles [4]; nibbles [128]. */
const splitIq4Xs: IntegerForm['split'] = (bytes, at, integers, to, scales, scaleTo) => {
  const [scale, high] = [halfAt(bytes, at), uint16At(bytes, at + 2)]
  for (let group = 0; group < 8; group++) {
    const low = (byteAt(bytes, at + 4 + (group >> 1)) >> (4 * (group & 1))) & 15
    scales[scaleTo + group] = scale * ((low | (((high >> (2 * group)) & 3) << 4)) - 32)
    lookUp(IQ4, bytes, at + 8 + group * 16, integers, to + group * 32)
  }
}

const POWERS_OF_3 = [1, 3, 9, 27, 81] as const
/** Runs of bytes and the ternary digits in each; a byte is a fraction in base 3, its first digit the first element. */
const TQ1_RUNS = [
  { start: 0, length: 32, digits: 5 },
  { start: 32, length: 16, digits: 5 },
  { start: 48, length: 4, digits: 4 },
] as const

const splitTq1: IntegerForm['split'] = (bytes, at, integers, to, scales, scaleTo) => {
  scales.fill(halfAt(bytes, at + 52), scaleTo, scaleTo + 8)
  let next = to
  for (const { start, length, digits } of TQ1_RUNS) {
    for (const power of POWERS_OF_3.slice(0, digits)) {
      for (let i = 0; i < length; i++) {
        const rest = (byteAt(bytes, at + start + i) * power) & 255
        integers[next++] = ((rest * 3) >> 8) - 1
      }
    }
  }
}

const splitTq2: IntegerForm['split'] = (bytes, at, integers, to, scales, scaleTo) => {
  scales.fill(halfAt(bytes, at + 64), scaleTo, scaleTo + 8)
  for (let i = 0; i < 256; i++) {
    const quant = (byteAt(bytes, at + (i >> 7) * 32 + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3
    integers[to + i] = quant - 1
  }
}

export const CODEBOOK_BLOCKS = {
  iq4_nl: integerLayout(20, 32, 18, codebook(IQ4, halfAt, 2)),
  iq4_xs: integerLayout(23, 256, 136, { bits: 8, group: 32, split: splitIq4Xs }),
  mxfp4: integerLayout(
    39,
    32,
    17,
    codebook(MXFP4, (bytes, at) => 2 ** (byteAt(bytes, at) - MXFP4_BIAS), 1),
  ),
  tq1_0: integerLayout(34, 256, 54, { bits: 4, group: 32, split: splitTq1 }),
  tq2_0: integerLayout(35, 256, 66, { bits: 4, group: 32, split: splitTq2 }),
} as const satisfies Record<string, BlockLayout>
