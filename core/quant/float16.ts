/** IEEE 754 half precision and bfloat16 to and from float32, in bulk. Halves are held as their bit patterns. */

const f32 = new Float32Array(1)
const u32 = new Uint32Array(f32.buffer)

/** Exact: every half is a float32. Subnormals, infinities and NaN included. */
function f16ToF32Scalar(bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

let table: Float32Array | null = null
function f16Table(): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, bits) => f16ToF32Scalar(bits))
  return table
}

export const f16BitsToF32 = (bits: number): number => f16Table()[bits] ?? 0

/** Bits of the half nearest to a float32's bits, ties to even. Beyond the largest half is infinity; NaN stays NaN. */
function roundToF16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 65520, halfway above the largest half, and everything beyond it.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Below 2^-14 halves are multiples of 2^-24: the integer grid of |x|·2^24, rounded to even.
    u32[0] = magnitude
    const scaled = (f32[0] ?? 0) * 2 ** 24
    const floor = Math.floor(scaled)
    const rest = scaled - floor
    return sign | (rest > 0.5 || (rest === 0.5 && floor & 1) ? floor + 1 : floor)
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

export function f32ToF16Bits(value: number): number {
  f32[0] = value
  return roundToF16Bits(u32[0] ?? 0)
}

/** @param out for the result, as long as `halves` */
export function f16ToF32Array(halves: Uint16Array, out: Float32Array = new Float32Array(halves.length)): Float32Array {
  const values = f16Table()
  for (let i = 0; i < halves.length; i++) out[i] = values[halves[i] ?? 0] ?? 0
  return out
}

export function f32ToF16Array(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const out = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i++) out[i] = roundToF16Bits(bits[i] ?? 0)
  return out
}

/** bfloat16 is the upper half of a float32. @param out for the result, as long as `values` */
export function bf16ToF32Array(values: Uint16Array, out: Float32Array = new Float32Array(values.length)): Float32Array {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < values.length; i++) bits[i] = (values[i] ?? 0) << 16
  return out
}
