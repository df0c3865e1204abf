import { expect, test } from 'vitest'
import { packF16Reference } from '../../shaders/pack-f16.ref.ts'
import { bf16ToF32Array, f16ToF32Array, f32ToF16Array, f32ToF16Bits } from './float16.ts'

const ALL = Uint16Array.from({ length: 65_536 }, (_, bits) => bits)
const isNaNBits = (bits: number): boolean => (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0

test('all 65 536 halves go to float32 and back unchanged, NaN to NaN', () => {
  const back = f32ToF16Array(f16ToF32Array(ALL))
  expect(ALL.filter((bits) => (isNaNBits(bits) ? !isNaNBits(back[bits] ?? 0) : back[bits] !== bits))).toEqual(new Uint16Array(0))
})

test('halves have the values of IEEE 754: 1, the largest, the least normal and subnormal, infinity', () => {
  expect(Array.from(f16ToF32Array(Uint16Array.of(0x3c00, 0x7bff, 0x0400, 0x0001, 0x7c00, 0xc000)))).toEqual([
    1,
    65_504,
    2 ** -14,
    2 ** -24,
    Infinity,
    -2,
  ])
})

test('float32 rounds to the nearest half at every half, midpoint and neighbour of one, ties to even', () => {
  const wrong: number[] = []
  for (const half of f16ToF32Array(ALL.subarray(0, 0x7c00))) {
    const step = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.max(half, 2 ** -30)))) - 10)
    const midpoint = half + step / 2
    for (const value of [
      half,
      midpoint,
      -midpoint,
      Math.fround(midpoint * (1 + 2 ** -23)),
      Math.fround(midpoint * (1 - 2 ** -23)),
      Math.fround(half * (1 + 2 ** -22)),
    ]) {
      if (f32ToF16Bits(value) !== packF16Reference(Math.fround(value))) wrong.push(value)
    }
  }
  expect(wrong).toEqual([])
  expect(f32ToF16Bits(65_519.99)).toBe(0x7bff)
  expect(f32ToF16Bits(65_520)).toBe(0x7c00)
  expect(f32ToF16Bits(-Infinity)).toBe(0xfc00)
})

test('all 65 536 bfloat16 values are the upper halves of float32', () => {
  const bits = new Uint32Array(bf16ToF32Array(ALL).buffer)
  expect(ALL.every((value) => bits[value] === (value << 16) >>> 0)).toBe(true)
})
