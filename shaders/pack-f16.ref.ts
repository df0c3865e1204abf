/** Reference of pack-f16.wgsl: the half nearest to `value`, found among the neighbours of a first guess; even bits win a tie. */
export function packF16Reference(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (Number.isNaN(value)) return 0x7e00
  if (magnitude >= 65520) return sign | 0x7c00
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.max(magnitude, 2 ** -30))))
  const step = 2 ** (exponent - 10)
  const low = Math.floor(magnitude / step)
  const rest = magnitude / step - low
  const steps = rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low
  // Steps count from zero in a subnormal binade and from 1024 in a normal one; a carry runs into the exponent by itself.
  return sign | (exponent === -14 ? steps : (exponent + 14) * 1024 + steps)
}
