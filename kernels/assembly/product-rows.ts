// What products of integers share: stretches of woven rows, and where four rows' results go.
import { STRETCH_BLOCKS } from '../opcodes'

// Of rows of so many blocks, how many lie together: all stretches alike but for the last, which may be shorter.
export function stretchBlocks(blocks: u32): u32 {
  const stretches = (blocks + STRETCH_BLOCKS - 1) / STRETCH_BLOCKS
  return (blocks + stretches - 1) / stretches
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
