// Rows of a matrix as they are held: integers with a scale for each row or block, from floats; and what that does to them.
// The element of largest magnitude of a block lands on the most negative integer; that of a row on ±127.
// `core/simd/weave.ts` says how woven rows lie.
import { BLOCK, HELD_INT4_BLOCK, HELD_INT8_BLOCK16, HELD_INT8_ROW, STORED_BF16 } from '../opcodes'
import { blockBytes, factorBytes, stretchBlocks } from './product-rows'

// Four stored values.
// @ts-ignore: decorator
@inline
function four(x: usize, stored: u32, i: u32): v128 {
  if (stored == STORED_BF16) return i32x4.shl(i32x4.extend_low_i16x8_u(v128.load64_zero(x + (i << 1))), 16)
  return v128.load(x + (i << 2))
}

// @ts-ignore: decorator
@inline
function one(x: usize, stored: u32, i: u32): f32 {
  return stored == STORED_BF16 ? reinterpret<f32>(<u32>load<u16>(x + (i << 1)) << 16) : load<f32>(x + (i << 2))
}

// @ts-ignore: decorator
@inline
function most(v: v128): f32 {
  return max(max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)), max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)))
}

// Of largest magnitude, with its sign; of two alike the first.
function extreme(x: usize, stored: u32, from: u32, to: u32): f32 {
  let high = f32x4.splat(0)
  let low = f32x4.splat(0)
  let i = from
  for (; i + 4 <= to; i += 4) {
    const v = four(x, stored, i)
    high = f32x4.max(high, v)
    low = f32x4.max(low, f32x4.neg(v))
  }
  let up = most(high)
  let down = most(low)
  for (; i < to; i++) {
    up = max(up, one(x, stored, i))
    down = max(down, -one(x, stored, i))
  }
  if (up == down && up > 0) {
    for (let j = from; j < to; j++) if (abs(one(x, stored, j)) == up) return one(x, stored, j)
  }
  return up > down ? up : -down
}

let differences: f64 = 0
let squares: f64 = 0
// Bytes between neighbouring words of a row: 16 where four rows are woven.
let step: usize = 4

// Four integers, and their share of the error.
// @ts-ignore: decorator
@inline
function measured(v: v128, scales: v128, least: v128, largest: v128, sums: usize): v128 {
  const q = f32x4.min(f32x4.max(f32x4.nearest(f32x4.div(v, scales)), least), largest)
  const d = f32x4.sub(v, f32x4.mul(q, scales))
  v128.store(sums, f32x4.add(v128.load(sums), f32x4.mul(d, d)))
  v128.store(sums, f32x4.add(v128.load(sums, 16), f32x4.mul(v, v)), 16)
  return i32x4.trunc_sat_f32x4_s(q)
}

// Adds the lanes up in f64 and begins anew.
function settle(sums: usize): void {
  for (let lane: u32 = 0; lane < 4; lane++) {
    differences += <f64>load<f32>(sums + (lane << 2))
    squares += <f64>load<f32>(sums + (lane << 2), 16)
  }
  v128.store(sums, i32x4.splat(0))
  v128.store(sums, i32x4.splat(0), 16)
}

// Elements [from, from + 16) as bytes; those from `columns` on are zeros.
function sixteen(x: usize, stored: u32, from: u32, columns: u32, scale: f32, least: f32, largest: f32, space: usize): v128 {
  const scales = f32x4.splat(scale)
  const low = f32x4.splat(least)
  const high = f32x4.splat(largest)
  let start = x
  let first = from
  let kind = stored
  if (from + 16 > columns) {
    // Beside the sums lies room for sixteen floats.
    for (let i: u32 = 0; i < 16; i++) store<f32>(space + 32 + (i << 2), from + i < columns ? one(x, stored, from + i) : 0)
    start = space + 32
    first = 0
    kind = 0
  }
  const a = measured(four(start, kind, first), scales, low, high, space)
  const b = measured(four(start, kind, first + 4), scales, low, high, space)
  const c = measured(four(start, kind, first + 8), scales, low, high, space)
  const d = measured(four(start, kind, first + 12), scales, low, high, space)
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d))
}

// Words of a row from word `i` on.
// @ts-ignore: decorator
@inline
function put(row: usize, i: u32, v: v128): void {
  const to = row + i * step
  if (step == 4) return v128.store(to, v)
  v128.store32_lane(to, v, 0)
  v128.store32_lane(to, v, 1, 16)
  v128.store32_lane(to, v, 2, 32)
  v128.store32_lane(to, v, 3, 48)
}

// Bytes of 0 to 15 as nibbles: of each eight elements the first four are low and the last four high.
// @ts-ignore: decorator
@inline
function eights(low: v128, high: v128): v128 {
  return v128.or(v128.shuffle<u32>(low, high, 0, 2, 4, 6), i8x16.shl(v128.shuffle<u32>(low, high, 1, 3, 5, 7), 4))
}

// Which row is at hand: of woven rows the first of its four, and which of them it is.
let first: u32 = 0
let lane: u32 = 0
// Rows of the matrix with those that fill the last four; 0 where rows are not woven.
let placed: u32 = 0

// Address of what block `block` of the row has, of `blocks`, where each has `bytes` of it.
function blockAt(base: usize, block: u32, blocks: u32, bytes: u32): usize {
  if (placed == 0) return base + <usize>(first * blocks + block) * bytes
  const stretch = stretchBlocks(blocks)
  const before = block - (block % stretch)
  const own = <usize>first * min(stretch, blocks - before) + ((block - before) << 2)
  return base + (<usize>placed * before + own) * bytes + (lane << 2)
}

// Integers of elements [from, to), whole blocks of 32.
function pack(held: u32, x: usize, stored: u32, from: u32, to: u32, columns: u32, scale: f32, out: usize, space: usize): void {
  const blocks = (columns + BLOCK - 1) / BLOCK
  const divisor: f32 = scale == 0 ? 1 : scale
  const bound: f32 = held == HELD_INT4_BLOCK ? 7 : 127
  const least: f32 = held == HELD_INT8_ROW ? -127 : -bound - 1
  for (let i = from; i < to; i += 32) {
    const low = sixteen(x, stored, i, columns, divisor, least, bound, space)
    const high = sixteen(x, stored, i + 16, columns, divisor, least, bound, space)
    const to = blockAt(out, i / BLOCK, blocks, blockBytes(held))
    if (held == HELD_INT4_BLOCK) {
      const eight = i8x16.splat(8)
      put(to, 0, eights(i8x16.add(low, eight), i8x16.add(high, eight)))
    } else {
      put(to, 0, low)
      put(to, 4, high)
    }
    settle(space)
  }
}

// Blocks of 16 have a scale for each half of 32 elements.
function packHalves(x: usize, stored: u32, i: u32, columns: u32, scales: usize, out: usize, space: usize): void {
  for (let half: u32 = 0; half < 2; half++) {
    const from = i + half * 16
    const scale: f32 = from < columns ? extreme(x, stored, from, min(from + 16, columns)) / -128 : 0
    store<f32>(scales + (half << 2), scale)
    v128.store(out + half * 16, from < columns ? sixteen(x, stored, from, columns, scale == 0 ? 1 : scale, -128, 127, space) : i32x4.splat(0))
  }
  settle(space)
}

function holdRow(held: u32, x: usize, stored: u32, columns: u32, out: usize, scales: usize, space: usize): void {
  const blocks = (columns + BLOCK - 1) / BLOCK
  if (held == HELD_INT8_ROW) {
    const largest = abs(extreme(x, stored, 0, columns))
    const scale: f32 = largest == 0 ? 1 : largest / 127
    store<f32>(scales + ((first + lane) << 2), scale)
    return pack(held, x, stored, 0, blocks * BLOCK, columns, scale, out, space)
  }
  for (let block: u32 = 0; block < blocks; block++) {
    const i = block * BLOCK
    const own = blockAt(scales, block, blocks, factorBytes(held))
    if (held == HELD_INT8_BLOCK16) {
      packHalves(x, stored, i, columns, own, blockAt(out, block, blocks, blockBytes(held)), space)
      continue
    }
    const scale: f32 = extreme(x, stored, i, min(i + BLOCK, columns)) / (held == HELD_INT4_BLOCK ? -8 : -128)
    store<f32>(own, scale)
    pack(held, x, stored, i, i + BLOCK, columns, scale, out, space)
  }
}

// Rows behind each other at `x` as rows of a held matrix of `matrixRows` from `firstRow` on: integers of the matrix at `out`, its scales at `scales`.
// `space`: 112 bytes of its own, in which the sums of squares of the differences and of the values come back as two f64.
export function hold(held: u32, stored: u32, x: usize, rows: u32, columns: u32, out: usize, scales: usize, matrixRows: u32, firstRow: u32, space: usize): void {
  differences = 0
  squares = 0
  v128.store(space, i32x4.splat(0))
  v128.store(space, i32x4.splat(0), 16)
  const isWoven = held == HELD_INT8_ROW || held == HELD_INT4_BLOCK
  step = isWoven ? 16 : 4
  placed = isWoven ? (matrixRows + 3) & ~3 : 0
  const stride: u32 = columns << (stored == STORED_BF16 ? 1 : 2)
  for (let i: u32 = 0; i < rows; i++) {
    lane = isWoven ? (firstRow + i) & 3 : 0
    first = firstRow + i - lane
    holdRow(held, x + i * stride, stored, columns, out, scales, space)
  }
  store<f64>(space, differences)
  store<f64>(space, squares, 8)
}
