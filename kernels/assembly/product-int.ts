// x·Wᵀ over rows of W held as integers. x: blocks of 32 integers of 16 bits (see quantize.ts), its scale behind them.
// A sum of 32 bits holds 2048 products of 16 by 8 bits in four lanes: 2048 / 4 · 32767 · 128 < 2³¹.
import { BLOCK_BYTES } from '../opcodes'
import { sums } from './lanes'

// Blocks of 32 behind which the sum of a row with one scale becomes a float.
const SEGMENT: u32 = 64

// @ts-ignore: decorator
@inline
function dot(x: v128, w: v128, total: v128): v128 {
  return i32x4.add(total, i32x4.dot_i16x8_s(x, w))
}

// Four vectors of a block of x against 32 bytes of a row.
// @ts-ignore: decorator
@inline
function bytes(x0: v128, x1: v128, x2: v128, x3: v128, w: usize, total: v128): v128 {
  total = dot(x0, v128.load8x8_s(w), total)
  total = dot(x1, v128.load8x8_s(w, 8), total)
  total = dot(x2, v128.load8x8_s(w, 16), total)
  return dot(x3, v128.load8x8_s(w, 24), total)
}

// @ts-ignore: decorator
@inline
function float(total: v128): v128 {
  return f32x4.convert_i32x4_s(total)
}

// One token against four rows with one scale each: sums before any scale.
function fourByteRows(x: usize, w: usize, blocks: u32): v128 {
  const step = <usize>blocks << 5
  let all = f32x4.splat(0)
  let done: u32 = 0
  while (done < blocks) {
    const end = min(done + SEGMENT, blocks)
    let a = i32x4.splat(0)
    let b = i32x4.splat(0)
    let c = i32x4.splat(0)
    let d = i32x4.splat(0)
    for (; done < end; done++) {
      const x0 = v128.load(x)
      const x1 = v128.load(x, 16)
      const x2 = v128.load(x, 32)
      const x3 = v128.load(x, 48)
      a = bytes(x0, x1, x2, x3, w, a)
      b = bytes(x0, x1, x2, x3, w + step, b)
      c = bytes(x0, x1, x2, x3, w + step * 2, c)
      d = bytes(x0, x1, x2, x3, w + step * 3, d)
      x += BLOCK_BYTES
      w += 32
    }
    all = f32x4.add(all, sums(float(a), float(b), float(c), float(d)))
  }
  return all
}

// One token against one row.
function byteRow(x: usize, w: usize, blocks: u32): f32 {
  let all: f32 = 0
  let done: u32 = 0
  while (done < blocks) {
    const end = min(done + SEGMENT, blocks)
    let a = i32x4.splat(0)
    for (; done < end; done++) {
      a = bytes(v128.load(x), v128.load(x, 16), v128.load(x, 32), v128.load(x, 48), w, a)
      x += BLOCK_BYTES
      w += 32
    }
    all += laneSum(float(a))
  }
  return all
}

// @ts-ignore: decorator
@inline
function scaleOf(x: usize, blocks: u32): f32 {
  return load<f32>(x + blocks * BLOCK_BYTES)
}

// @ts-ignore: decorator
@inline
function laneSum(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 2) + (f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 3))
}

// @ts-ignore: decorator
@inline
function put(y: usize, n: u32, value: f32, bias: usize): void {
  store<f32>(y + (n << 2), value + (bias ? load<f32>(bias + (n << 2)) : 0))
}

export function byteRowsOne(x: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, bias: usize, y: usize): void {
  const scale = scaleOf(x, blocks)
  const step = <usize>blocks << 5
  let n = from
  for (; n + 4 <= to; n += 4) {
    let v = f32x4.mul(fourByteRows(x, w + n * step, blocks), f32x4.mul(v128.load(scales + (n << 2)), f32x4.splat(scale)))
    if (bias) v = f32x4.add(v, v128.load(bias + (n << 2)))
    v128.store(y + (n << 2), v)
  }
  for (; n < to; n++) put(y, n, byteRow(x, w + n * step, blocks) * (load<f32>(scales + (n << 2)) * scale), bias)
}

// Lanes: tokens. One row against four tokens.
function byteRowFourTokens(x0: usize, x1: usize, x2: usize, x3: usize, w: usize, blocks: u32): v128 {
  let all = f32x4.splat(0)
  let done: u32 = 0
  while (done < blocks) {
    const end = min(done + SEGMENT, blocks)
    let a = i32x4.splat(0)
    let b = i32x4.splat(0)
    let c = i32x4.splat(0)
    let d = i32x4.splat(0)
    for (; done < end; done++) {
      for (let i: usize = 0; i < 32; i += 8) {
        const row = v128.load8x8_s(w + i)
        a = dot(v128.load(x0 + (i << 1)), row, a)
        b = dot(v128.load(x1 + (i << 1)), row, b)
        c = dot(v128.load(x2 + (i << 1)), row, c)
        d = dot(v128.load(x3 + (i << 1)), row, d)
      }
      x0 += BLOCK_BYTES
      x1 += BLOCK_BYTES
      x2 += BLOCK_BYTES
      x3 += BLOCK_BYTES
      w += 32
    }
    all = f32x4.add(all, sums(float(a), float(b), float(c), float(d)))
  }
  return all
}

// Lanes of the scales of four tokens.
// @ts-ignore: decorator
@inline
function scalesOf(x0: usize, x1: usize, x2: usize, x3: usize, blocks: u32): v128 {
  let scale = f32x4.splat(scaleOf(x0, blocks))
  scale = f32x4.replace_lane(scale, 1, scaleOf(x1, blocks))
  scale = f32x4.replace_lane(scale, 2, scaleOf(x2, blocks))
  return f32x4.replace_lane(scale, 3, scaleOf(x3, blocks))
}

// @ts-ignore: decorator
@inline
function putFour(v: v128, n: u32, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  if (bias) v = f32x4.add(v, v128.load32_splat(bias + (n << 2)))
  v128.store32_lane(y0 + (n << 2), v, 0)
  v128.store32_lane(y1 + (n << 2), v, 1)
  v128.store32_lane(y2 + (n << 2), v, 2)
  v128.store32_lane(y3 + (n << 2), v, 3)
}

// Two rows against four tokens: [t0 r0, t0 r1, t1 r0, t1 r1] in `pairs`, tokens 2 and 3 behind them.
export function byteRowsFour(x0: usize, x1: usize, x2: usize, x3: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const step = <usize>blocks << 5
  const tokens = scalesOf(x0, x1, x2, x3, blocks)
  let n = from
  for (; n + 2 <= to; n += 2) {
    let p0 = x0
    let p1 = x1
    let p2 = x2
    let p3 = x3
    let at = w + n * step
    let first = f32x4.splat(0)
    let second = f32x4.splat(0)
    let done: u32 = 0
    while (done < blocks) {
      const end = min(done + SEGMENT, blocks)
      let a0 = i32x4.splat(0)
      let a1 = i32x4.splat(0)
      let b0 = i32x4.splat(0)
      let b1 = i32x4.splat(0)
      let c0 = i32x4.splat(0)
      let c1 = i32x4.splat(0)
      let d0 = i32x4.splat(0)
      let d1 = i32x4.splat(0)
      for (; done < end; done++) {
        for (let i: usize = 0; i < 32; i += 8) {
          const r0 = v128.load8x8_s(at + i)
          const r1 = v128.load8x8_s(at + step + i)
          let v = v128.load(p0 + (i << 1))
          a0 = dot(v, r0, a0)
          a1 = dot(v, r1, a1)
          v = v128.load(p1 + (i << 1))
          b0 = dot(v, r0, b0)
          b1 = dot(v, r1, b1)
          v = v128.load(p2 + (i << 1))
          c0 = dot(v, r0, c0)
          c1 = dot(v, r1, c1)
          v = v128.load(p3 + (i << 1))
          d0 = dot(v, r0, d0)
          d1 = dot(v, r1, d1)
        }
        p0 += BLOCK_BYTES
        p1 += BLOCK_BYTES
        p2 += BLOCK_BYTES
        p3 += BLOCK_BYTES
        at += 32
      }
      first = f32x4.add(first, sums(float(a0), float(b0), float(c0), float(d0)))
      second = f32x4.add(second, sums(float(a1), float(b1), float(c1), float(d1)))
    }
    putFour(f32x4.mul(first, f32x4.mul(v128.load32_splat(scales + (n << 2)), tokens)), n, bias, y0, y1, y2, y3)
    putFour(f32x4.mul(second, f32x4.mul(v128.load32_splat(scales + (n << 2), 4), tokens)), n + 1, bias, y0, y1, y2, y3)
  }
  if (n < to) {
    const v = byteRowFourTokens(x0, x1, x2, x3, w + n * step, blocks)
    putFour(f32x4.mul(v, f32x4.mul(v128.load32_splat(scales + (n << 2)), tokens)), n, bias, y0, y1, y2, y3)
  }
}
