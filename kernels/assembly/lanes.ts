// Functions over the four lanes of a vector.

// [Σa, Σb, Σc, Σd]
// @ts-ignore: decorator
@inline
export function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7))
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7))
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7))
}

// @ts-ignore: decorator
@inline
export function sum(a: v128): f32 {
  return f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 2) + (f32x4.extract_lane(a, 1) + f32x4.extract_lane(a, 3))
}

// Adds products lane by lane: of floats, or of integers of 16 bits, two to a lane.
// @ts-ignore: decorator
@inline
export function times<T>(a: v128, b: v128, total: v128): v128 {
  if (isInteger<T>()) return i32x4.add(total, i32x4.dot_i16x8_s(a, b))
  return f32x4.add(total, f32x4.mul(a, b))
}

// Added to a float of less than 2^22 it leaves the nearest integer in the lowest bits: one instruction, where conversion takes many.
const ROUNDER: f32 = 12582912

// Nearest integers of lanes below 2^22; of others, and of what is no number, any.
// @ts-ignore: decorator
@inline
export function nearestIntegers(x: v128): v128 {
  const rounder = f32x4.splat(ROUNDER)
  return i32x4.sub(f32x4.add(x, rounder), rounder)
}

// Engines make a vector of constants anew wherever it is used, in three instructions; one out of memory is a single load.
const EXP = memory.data<f32>([-87.3, 88, 1.44269504, ROUNDER, 0.693359375, 2.12194440e-4, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1])

// exp(x) = 2^n · exp(r), |r| ≤ ln 2 / 2. Below -87.3 it is zero, above 88 it is exp(88); NaN stays NaN.
// Polynomial: Cephes expf. `pmin` and `pmax` are single instructions, `min` and `max` are not.
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  const least = v128.load32_splat(EXP)
  const rounder = v128.load32_splat(EXP, 12)
  const one = v128.load32_splat(EXP, 48)
  const bounded = f32x4.pmin(f32x4.pmax(x, least), v128.load32_splat(EXP, 4))
  const rounded = f32x4.add(f32x4.mul(bounded, v128.load32_splat(EXP, 8)), rounder)
  const n = f32x4.sub(rounded, rounder)
  let r = f32x4.sub(bounded, f32x4.mul(n, v128.load32_splat(EXP, 16)))
  r = f32x4.add(r, f32x4.mul(n, v128.load32_splat(EXP, 20)))
  let p = v128.load32_splat(EXP, 24)
  p = f32x4.add(f32x4.mul(p, r), v128.load32_splat(EXP, 28))
  p = f32x4.add(f32x4.mul(p, r), v128.load32_splat(EXP, 32))
  p = f32x4.add(f32x4.mul(p, r), v128.load32_splat(EXP, 36))
  p = f32x4.add(f32x4.mul(p, r), v128.load32_splat(EXP, 40))
  p = f32x4.add(f32x4.mul(p, r), v128.load32_splat(EXP, 44))
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(r, r), p), r), one)
  const power = i32x4.add(i32x4.shl(rounded, 23), one)
  return v128.and(f32x4.mul(p, power), v128.or(f32x4.ge(x, least), f32x4.ne(x, x)))
}

// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp(f32x4.neg(x))))
}

// Rational function of x²; within 2 units in the last place. Coefficients: Eigen, generic_fast_tanh_float.
export function tanh(value: v128): v128 {
  const x = f32x4.pmin(f32x4.pmax(value, f32x4.splat(-7.90531110763549805)), f32x4.splat(7.90531110763549805))
  const s = f32x4.mul(x, x)
  let p = f32x4.splat(-2.76076847742355e-16)
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(2.00018790482477e-13))
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(-8.60467152213735e-11))
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(5.12229709037114e-08))
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(1.48572235717979e-05))
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(6.37261928875436e-04))
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(4.89352455891786e-03))
  let q = f32x4.splat(1.19825839466702e-06)
  q = f32x4.add(f32x4.mul(q, s), f32x4.splat(1.18534705686654e-04))
  q = f32x4.add(f32x4.mul(q, s), f32x4.splat(2.26843463243900e-03))
  q = f32x4.add(f32x4.mul(q, s), f32x4.splat(4.89352518554385e-03))
  return f32x4.div(f32x4.mul(x, p), q)
}

// Coefficients: Eigen, generic_fast_erf_float.
function erf(value: v128): v128 {
  const x = f32x4.pmin(f32x4.pmax(value, f32x4.splat(-4)), f32x4.splat(4))
  const s = f32x4.mul(x, x)
  let p = f32x4.splat(-2.72614225801306e-10)
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(2.77068142495902e-08))
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(-2.10102402082508e-06))
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(-5.69250639462346e-05))
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(-7.34990630326855e-04))
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(-2.95459980854025e-03))
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(-1.60960333262415e-02))
  let q = f32x4.splat(-1.45660718464996e-05)
  q = f32x4.add(f32x4.mul(q, s), f32x4.splat(-2.13374055278905e-04))
  q = f32x4.add(f32x4.mul(q, s), f32x4.splat(-1.68282697438203e-03))
  q = f32x4.add(f32x4.mul(q, s), f32x4.splat(-7.37332916720468e-03))
  q = f32x4.add(f32x4.mul(q, s), f32x4.splat(-1.42647390514189e-02))
  return f32x4.div(f32x4.mul(x, p), q)
}

export function gelu(x: v128): v128 {
  const half = f32x4.mul(x, f32x4.splat(0.5))
  return f32x4.add(half, f32x4.mul(half, erf(f32x4.mul(x, f32x4.splat(0.7071067811865476)))))
}

// ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) = x · sigmoid(2 √(2/π) (x + 0.044715 x³))
export function geluTanh(x: v128): v128 {
  const cubic = f32x4.mul(f32x4.mul(x, x), f32x4.splat(0.044715))
  const inner = f32x4.mul(x, f32x4.add(f32x4.splat(1), cubic))
  return f32x4.mul(x, sigmoid(f32x4.mul(inner, f32x4.splat(1.5957691216057308))))
}
