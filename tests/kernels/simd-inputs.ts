/** What the kernels are fed: uneven scales, a few large outliers, and on demand what is no number at all. */
import type { Random } from './simd-call.ts'

export const whole = (random: Random, least: number, most: number): number => least + Math.floor(random() * (most - least + 1))
export const pick = <T>(random: Random, choices: readonly [T, ...T[]]): T => choices[Math.floor(random() * choices.length)] ?? choices[0]

/** Near normal. */
const normal = (random: Random): number => (random() + random() + random() + random() - 2) * Math.sqrt(3)

/** @param scale of the values; a hundredth of them are 30 times as large */
export function uneven(random: Random, count: number, scale = 1): Float32Array {
  const own = scale * 2 ** (4 * random() - 2)
  return Float32Array.from({ length: count }, () => normal(random) * own * (random() < 0.01 ? 30 : 1))
}

const EXTREMES = [NaN, Infinity, -Infinity, 3e38, -3e38, 1e-42, -0]

/** Values of which some are none. */
export function extreme(random: Random, count: number): Float32Array {
  const values = uneven(random, count, 10 ** whole(random, -30, 30))
  for (let i = 0; i < 1 + count / 20; i++) values[Math.floor(random() * count)] = EXTREMES[Math.floor(random() * EXTREMES.length)] ?? 0
  return values
}
