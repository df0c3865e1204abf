/** Numbers with a given count of digits, rounded as Python does: exactly, and ties to even. */

/** `value` as numerator and power of two of the denominator. */
function fractionOf(value: number): readonly [bigint, bigint] {
  let [numerator, power] = [value, 0n]
  while (!Number.isInteger(numerator)) {
    numerator *= 2
    power++
  }
  return [BigInt(numerator), power]
}

/** The int nearest to numerator / denominator, both positive. */
function divideToEven(numerator: bigint, denominator: bigint): bigint {
  const whole = numerator / denominator
  const twice = 2n * (numerator - whole * denominator)
  return twice > denominator || (twice === denominator && whole % 2n === 1n) ? whole + 1n : whole
}

/** `value` >= 0 with `places` digits after the point. */
export function fixedText(value: number, places: number): string {
  const [numerator, power] = fractionOf(value)
  const digits = divideToEven(numerator * 10n ** BigInt(places), 1n << power)
    .toString()
    .padStart(places + 1, '0')
  return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`
}

const exponentPart = (exponent: number): string => `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`

/** `value` >= 0 as d.ddde±xx with `places` digits after the point. */
export function scientificText(value: number, places: number): string {
  const [mantissa = '', exponent = '0'] = value.toExponential(Math.min(places, 100)).split('e')
  return mantissa + exponentPart(Number(exponent))
}

/** `value` >= 0 as C's %g does, without trailing zeros. */
export function generalText(value: number, precision: number): string {
  const digits = Math.max(1, precision)
  const exponent = value === 0 ? 0 : Number(value.toExponential(Math.min(digits - 1, 100)).split('e')[1])
  const bare = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)
  if (exponent >= -4 && exponent < digits) return bare(fixedText(value, digits - 1 - exponent))
  const [mantissa = ''] = value.toExponential(Math.min(digits - 1, 100)).split('e')
  return bare(mantissa) + exponentPart(exponent)
}

/** `round(value, places)` of a float. */
export function roundFloat(value: number, places: number): number {
  if (!Number.isFinite(value)) return value
  if (places >= 0) return Math.sign(value) * Number(fixedText(Math.abs(value), Math.min(places, 330))) || 0
  return Number(roundInt(BigInt(Math.trunc(value)), places))
}

/** `round(value, places)` of an int: only negative places change it. */
export function roundInt(value: bigint, places: number): bigint {
  if (places >= 0) return value
  const unit = 10n ** BigInt(-places)
  const rounded = divideToEven(value < 0n ? -value : value, unit) * unit
  return value < 0n ? -rounded : rounded
}
