// Activations as integers, for the integer products: x ≈ q · scale. Of 16 bits with one scale a row, |q| ≤ 32767: a block is 32 q; for nibbles
// as product-nibbles.ts takes them, then four lanes of -8 Σ q. For nibbles where SIMD is relaxed of 8 bits with a scale a block, as
// product-nibbles-relaxed.ts takes them.
import { BLOCK, BLOCK_BYTES, ORDER_NIBBLES } from '../opcodes'
import { nearestIntegers } from './lanes'
import { frameRows, share, word } from './memory'

function largest(x: usize, k: u32): f32 {
  let most = f32x4.splat(0)
  const vectors = k & ~3
  for (let i: u32 = 0; i < vectors; i += 4) most = f32x4.max(most, f32x4.abs(v128.load(x + (i << 2))))
  let m: f32 = max(max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)), max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)))
  for (let i = vectors; i < k; i++) m = max(m, abs(load<f32>(x + (i << 2))))
  return m
}

// @ts-ignore: decorator
@inline
function eight(x: usize, inverse: v128): v128 {
  const low = nearestIntegers(f32x4.mul(v128.load(x), inverse))
  const high = nearestIntegers(f32x4.mul(v128.load(x, 16), inverse))
  return i16x8.narrow_i32x4_s(low, high)
}

// @ts-ignore: decorator
@inline
function storeBlock(q: usize, a: v128, b: v128, c: v128, d: v128, order: u32): void {
  if (order != ORDER_NIBBLES) {
    v128.store(q, a)
    v128.store(q, b, 16)
    v128.store(q, c, 32)
    v128.store(q, d, 48)
    return
  }
  v128.store(q, v128.shuffle<i16>(a, a, 0, 2, 4, 6, 1, 3, 5, 7))
  v128.store(q, v128.shuffle<i16>(b, b, 0, 2, 4, 6, 1, 3, 5, 7), 16)
  v128.store(q, v128.shuffle<i16>(c, c, 0, 2, 4, 6, 1, 3, 5, 7), 32)
  v128.store(q, v128.shuffle<i16>(d, d, 0, 2, 4, 6, 1, 3, 5, 7), 48)
  const minusEight = i16x8.splat(-8)
  const ab = i32x4.add(i32x4.dot_i16x8_s(a, minusEight), i32x4.dot_i16x8_s(b, minusEight))
  const cd = i32x4.add(i32x4.dot_i16x8_s(c, minusEight), i32x4.dot_i16x8_s(d, minusEight))
  let all = i32x4.add(ab, cd)
  all = i32x4.add(all, v128.shuffle<i32>(all, all, 2, 3, 0, 1))
  v128.store(q, i32x4.add(all, v128.shuffle<i32>(all, all, 1, 0, 3, 2)), 64)
}

// The last, incomplete block: its other elements are zeros.
function lastBlock(x: usize, count: u32, inverse: f32, q: usize, order: u32): void {
  for (let i: u32 = 0; i < <u32>BLOCK; i++) {
    const value: i32 = i < count ? i32x4.extract_lane(i32x4.trunc_sat_f32x4_s(f32x4.splat(nearest(load<f32>(x + (i << 2)) * inverse))), 0) : 0
    store<i16>(q + (i << 1), <i16>min(max(value, -32768), 32767))
  }
  storeBlock(q, v128.load(q), v128.load(q, 16), v128.load(q, 32), v128.load(q, 48), order)
}

// Behind 32 bytes: sums and scale.
function finishBytes(q: usize, scale: f32): void {
  const pairs = i16x8.add(i16x8.extadd_pairwise_i8x16_s(v128.load(q)), i16x8.extadd_pairwise_i8x16_s(v128.load(q, 16)))
  const four = i16x8.add(pairs, v128.shuffle<i32>(pairs, pairs, 2, 3, 0, 1))
  const sums = i16x8.mul(i16x8.add(four, v128.shuffle<i32>(four, four, 1, 0, 3, 2)), i16x8.splat(-8))
  const scales = f32x4.splat(scale)
  v128.store(q, sums, 32)
  v128.store(q, scales, 48)
  v128.store(q, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extadd_pairwise_i16x8_s(sums)), scales), 64)
}

// Blocks of `k` floats as bytes; behind the last float of a row are zeros.
function byteRow(x: usize, k: u32, q: usize): void {
  for (let i: u32 = 0; i < k; i += BLOCK) {
    const count: u32 = min(<u32>BLOCK, k - i)
    const most = largest(x, count)
    const inverse: f32 = most > 0 ? <f32>127 / most : most
    const inverses = f32x4.splat(inverse)
    if (count == <u32>BLOCK) {
      v128.store(q, i8x16.narrow_i16x8_s(eight(x, inverses), eight(x + 32, inverses)))
      v128.store(q, i8x16.narrow_i16x8_s(eight(x + 64, inverses), eight(x + 96, inverses)), 16)
    } else {
      v128.store(q, i32x4.splat(0))
      v128.store(q, i32x4.splat(0), 16)
      for (let j: u32 = 0; j < count; j++) {
        const value = i32x4.extract_lane(i32x4.trunc_sat_f32x4_s(f32x4.splat(nearest(load<f32>(x + (j << 2)) * inverse))), 0)
        store<i8>(q + j, <i8>min(max(value, -128), 127))
      }
    }
    finishBytes(q, most / 127)
    x += BLOCK * 4
    q += BLOCK_BYTES
  }
}

function quantizeRow(x: usize, k: u32, q: usize, order: u32): void {
  if (ASC_FEATURE_RELAXED_SIMD && order == ORDER_NIBBLES) return byteRow(x, k, q)
  const most = largest(x, k)
  const scale: f32 = most / 32767
  const inverse: f32 = most > 0 ? <f32>32767 / most : most
  const inverses = f32x4.splat(inverse)
  const whole = k / BLOCK
  for (let block: u32 = 0; block < whole; block++) {
    storeBlock(q, eight(x, inverses), eight(x + 32, inverses), eight(x + 64, inverses), eight(x + 96, inverses), order)
    x += BLOCK * 4
    q += BLOCK_BYTES
  }
  if (k % BLOCK) {
    lastBlock(x, k % BLOCK, inverse, q, order)
    q += BLOCK_BYTES
  }
  store<f32>(q, scale)
}

// Words: x, xStride, k, repeat, order, q, qStride.
export function quantize(frame: usize, args: usize, part: u32, parts: u32, xRow: u32, yRow: u32): void {
  const total = frameRows(frame) * word(args, 3)
  const end = share(total, part + 1, parts)
  for (let row = share(total, part, parts); row < end; row++) {
    quantizeRow(<usize>word(args, 0) + (xRow + row) * word(args, 1), word(args, 2), <usize>word(args, 5) + (yRow + row) * word(args, 6), word(args, 4))
  }
}
