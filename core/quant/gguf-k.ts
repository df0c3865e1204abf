/** GGUF's K-quants: superblocks of 256 with a scale (and a minimum) for each 16 or 32, themselves small integers times a half. */
import { byteAt, halfAt, int8At, integerLayout, product, type BlockLayout, type DecodeBlock, type IntegerForm } from './gguf-block.ts'

const SIZE = 256

/** Bytes: scale and minimum of 16, nibbles [16]; two-bit quants [64]; d; dmin. */
const decodeQ2: DecodeBlock = (bytes, at, out, to) => {
  const [scale, minimum] = [halfAt(bytes, at + 80), halfAt(bytes, at + 82)]
  for (let i = 0; i < SIZE; i++) {
    const packed = byteAt(bytes, at + (i >> 4))
    const quant = (byteAt(bytes, at + 16 + (i >> 7) * 32 + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3
    out[to + i] = product(product(scale, packed & 15), quant) - product(minimum, packed >> 4)
  }
}

/** Six-bit scale `group` of 16, in 12 bytes: four low bits in the first eight, two high bits in the last four. */
function sixBitScale(bytes: Uint8Array, at: number, group: number): number {
  const low = (byteAt(bytes, at + (group & 7)) >> (group < 8 ? 0 : 4)) & 15
  const high = (byteAt(bytes, at + 8 + (group & 3)) >> (2 * (group >> 2))) & 3
  return (low | (high << 4)) - 32
}

/** Bytes: third bits [32], clear for minus four; two-bit quants [64]; scales [12]; d. */
const splitQ3: IntegerForm['split'] = (bytes, at, integers, to, scales, scaleTo) => {
  const scale = halfAt(bytes, at + 108)
  for (let group = 0; group < SIZE / 16; group++) scales[scaleTo + group] = scale * sixBitScale(bytes, at + 96, group)
  for (let i = 0; i < SIZE; i++) {
    const low = (byteAt(bytes, at + 32 + (i >> 7) * 32 + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3
    const high = (byteAt(bytes, at + (i & 31)) >> (i >> 5)) & 1
    integers[to + i] = low - (high ? 0 : 4)
  }
}

/** Six-bit scale and minimum `group` of 8, in 12 bytes: the first four whole, the others in nibbles and spare bits. */
function scaleAndMinimum(bytes: Uint8Array, at: number, group: number): readonly [number, number] {
  if (group < 4) return [byteAt(bytes, at + group) & 63, byteAt(bytes, at + group + 4) & 63]
  const nibbles = byteAt(bytes, at + group + 4)
  return [(nibbles & 15) | ((byteAt(bytes, at + group - 4) >> 6) << 4), (nibbles >> 4) | ((byteAt(bytes, at + group) >> 6) << 4)]
}

/** Bytes: d; dmin; scales and minima [12]; with `fifthBits` fifth bits [32]; nibbles [128]. */
const decodeQ45 =
  (fifthBits: boolean): DecodeBlock =>
  (bytes, at, out, to) => {
    const [scale, minimum] = [halfAt(bytes, at), halfAt(bytes, at + 2)]
    const quants = at + (fifthBits ? 48 : 16)
    for (let group = 0; group < 8; group++) {
      const [scaleOf, minimumOf] = scaleAndMinimum(bytes, at + 4, group)
      const [step, offset] = [product(scale, scaleOf), product(minimum, minimumOf)]
      for (let i = 0; i < 32; i++) {
        const low = (byteAt(bytes, quants + (group >> 1) * 32 + i) >> (4 * (group & 1))) & 15
        const high = fifthBits ? (byteAt(bytes, at + 16 + i) >> group) & 1 : 0
        out[to + group * 32 + i] = product(step, low | (high << 4)) - offset
      }
    }
  }

/** Of the same bytes without fifth bits. */
const splitQ4: IntegerForm['split'] = (bytes, at, integers, to, factors, factorTo) => {
  const [scale, minimum] = [halfAt(bytes, at), halfAt(bytes, at + 2)]
  for (let group = 0; group < 8; group++) {
    const [scaleOf, minimumOf] = scaleAndMinimum(bytes, at + 4, group)
    factors[factorTo + 2 * group] = scale * scaleOf
    factors[factorTo + 2 * group + 1] = -minimum * minimumOf
    for (let i = 0; i < 32; i++) integers[to + group * 32 + i] = ((byteAt(bytes, at + 16 + (group >> 1) * 32 + i) >> (4 * (group & 1))) & 15) - 8
  }
}

/** Bytes: low nibbles [128]; high pairs of bits [64]; scales, int8 [16]; d. */
const splitQ6: IntegerForm['split'] = (bytes, at, integers, to, scales, scaleTo) => {
  const scale = halfAt(bytes, at + 208)
  for (let group = 0; group < SIZE / 16; group++) scales[scaleTo + group] = scale * int8At(bytes, at + 192 + group)
  for (let i = 0; i < SIZE; i++) {
    const [half, quarter, l] = [i >> 7, (i >> 5) & 3, i & 31]
    const low = (byteAt(bytes, at + half * 64 + (quarter & 1) * 32 + l) >> (quarter < 2 ? 0 : 4)) & 15
    const high = (byteAt(bytes, at + 128 + half * 32 + l) >> (2 * quarter)) & 3
    integers[to + i] = (low | (high << 4)) - 32
  }
}

export const K_BLOCKS = {
  q2_k: { ggmlType: 10, elements: SIZE, bytes: 84, decode: decodeQ2 },
  q3_k: integerLayout(11, SIZE, 110, { bits: 4, group: 16, split: splitQ3 }),
  q4_k: { ggmlType: 12, elements: SIZE, bytes: 144, decode: decodeQ45(false), minima: { bits: 4, group: 16, split: splitQ4 } },
  q5_k: { ggmlType: 13, elements: SIZE, bytes: 176, decode: decodeQ45(true) },
  q6_k: integerLayout(14, SIZE, 210, { bits: 8, group: 16, split: splitQ6 }),
} as const satisfies Record<string, BlockLayout>
