// What products share: how rows lie in stretches, what a block of integers takes, and where four rows' results go.
import { BLOCK, HELD_INT4_BLOCK, HELD_INT4_MINIMA, HELD_INT8_BLOCK, HELD_INT8_ROW, STRETCH_BLOCKS } from '../opcodes'

// Of `count` columns or blocks, how many lie together: at most `most`, and all stretches alike but for the last, which may be shorter.
export function stretchLength(count: u32, most: u32): u32 {
  const stretches = (count + most - 1) / most
  return (count + stretches - 1) / stretches
}

// @ts-ignore: decorator
@inline
export function stretchBlocks(blocks: u32): u32 {
  return stretchLength(blocks, STRETCH_BLOCKS)
}

// Bytes of a row's block.
// @ts-ignore: decorator
@inline
export function blockBytes(held: u32): u32 {
  return held == HELD_INT4_BLOCK || held == HELD_INT4_MINIMA ? BLOCK / 2 : BLOCK
}

// Bytes of a block's scales and minimum, behind all elements; 0 where the row has one scale.
// @ts-ignore: decorator
@inline
export function factorBytes(held: u32): u32 {
  return held == HELD_INT8_ROW ? 0 : held == HELD_INT4_BLOCK || held == HELD_INT8_BLOCK ? 4 : 8
}

// @ts-ignore: decorator
@inline
function put(y: usize, n: u32, value: f32, bias: usize): void {
  store<f32>(y + (n << 2), value + (bias ? load<f32>(bias + (n << 2)) : 0))
}

// Rows [n, n + 4), as far as `to`.
// @ts-ignore: decorator
@inline
export function putRows(v: v128, n: u32, to: u32, bias: usize, y: usize): void {
  if (n + 4 <= to) {
    if (bias) v = f32x4.add(v, v128.load(bias + (n << 2)))
    v128.store(y + (n << 2), v)
    return
  }
  put(y, n, f32x4.extract_lane(v, 0), bias)
  if (n + 1 < to) put(y, n + 1, f32x4.extract_lane(v, 1), bias)
  if (n + 2 < to) put(y, n + 2, f32x4.extract_lane(v, 2), bias)
}
