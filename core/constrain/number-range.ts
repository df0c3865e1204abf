/** Numbers between bounds as digits, compared from the left. */
import { signsOf, type Sign } from './decisions.ts'
import { MAX_DIGITS } from './ebnf.ts'

/** Both bounds belong to the range; null = none. */
export type Bounds = { readonly low: bigint | null; readonly high: bigint | null }

const MOST = 10n ** BigInt(MAX_DIGITS) - 1n
const ZERO = 0x30
const digits = (from: number, to: number): Sign => [ZERO + from, ZERO + to]
const anyDigits = (count: number): readonly Sign[] => Array.from({ length: count }, () => digits(0, 9))

/** Digits of one length from `low` to `high`. */
function sameLength(low: string, high: string): readonly (readonly Sign[])[] {
  if (low === '') return [[]]
  const [first, last, rest] = [Number(low[0]), Number(high[0]), low.length - 1]
  const join = (digit: number, tails: readonly (readonly Sign[])[]): readonly (readonly Sign[])[] =>
    tails.map((tail) => [digits(digit, digit), ...tail])
  if (first === last) return join(first, sameLength(low.slice(1), high.slice(1)))
  const isWholeLow = /^0*$/.test(low.slice(1))
  const isWholeHigh = /^9*$/.test(high.slice(1))
  const from = isWholeLow ? first : first + 1
  const to = isWholeHigh ? last : last - 1
  return [
    ...(isWholeLow ? [] : join(first, sameLength(low.slice(1), '9'.repeat(rest)))),
    ...(from > to ? [] : [[digits(from, to), ...anyDigits(rest)]]),
    ...(isWholeHigh ? [] : join(last, sameLength('0'.repeat(rest), high.slice(1)))),
  ]
}

const withPoint = (signs: readonly Sign[], decimals: number): readonly Sign[] =>
  decimals === 0 ? signs : [...signs.slice(0, -decimals), ...signsOf('.'), ...signs.slice(-decimals)]

function positive(low: bigint, high: bigint, decimals: number): readonly (readonly Sign[])[] {
  const choices: (readonly Sign[])[] = []
  for (let length = decimals + 1; length <= high.toString().length || length === decimals + 1; length++) {
    // All numbers below 1 share the length that has one digit before the point.
    const least = length === decimals + 1 ? 0n : 10n ** BigInt(length - 1)
    const longest = 10n ** BigInt(length) - 1n
    const from = low > least ? low : least
    const to = high < longest ? high : longest
    const padded = (value: bigint): string => value.toString().padStart(length, '0')
    if (from <= to) choices.push(...sameLength(padded(from), padded(to)).map((signs) => withPoint(signs, decimals)))
  }
  return choices
}

/**
 * The numbers between the bounds, which count units of 10^-decimals.
 * @param decimals digits behind the point, all of them written
 */
export function numbersBetween({ low, high }: Bounds, decimals: number): readonly (readonly Sign[])[] {
  const least = low === null || low < -MOST ? -MOST : low
  const most = high === null || high > MOST ? MOST : high
  return [
    ...(most < 0n ? [] : positive(least > 0n ? least : 0n, most, decimals)),
    ...(least >= 0n ? [] : positive(most < 0n ? -most : 1n, -least, decimals).map((signs) => [...signsOf('-'), ...signs])),
  ]
}
