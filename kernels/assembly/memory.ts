// Words of an instruction, rows of a buffer, and the share of a thread.
import { FRAME_ROW_TABLE, FRAME_ROWS, ROW_BYTES } from '../opcodes'

// Word `index` behind an instruction's two head words.
// @ts-ignore: decorator
@inline
export function word(at: usize, index: usize): u32 {
  return load<u32>(at + (index << 2))
}
// @ts-ignore: decorator
@inline
export function float(at: usize, index: usize): f32 {
  return load<f32>(at + (index << 2))
}

// First of `total` items that part `part` of `parts` takes; the next part's first is where it ends.
// @ts-ignore: decorator
@inline
export function share(total: u32, part: u32, parts: u32): u32 {
  return parts == 1 ? total * part : <u32>((<u64>total * part) / parts)
}

// @ts-ignore: decorator
@inline
export function frameRows(frame: usize): u32 {
  return load<u32>(frame + (FRAME_ROWS << 2))
}
// @ts-ignore: decorator
@inline
export function rowCache(frame: usize, row: u32): usize {
  return load<u32>(frame + FRAME_ROW_TABLE + row * ROW_BYTES)
}
// @ts-ignore: decorator
@inline
export function rowCapacity(frame: usize, row: u32): u32 {
  return load<u32>(frame + FRAME_ROW_TABLE + row * ROW_BYTES, 4)
}
// @ts-ignore: decorator
@inline
export function rowPosition(frame: usize, row: u32): u32 {
  return load<u32>(frame + FRAME_ROW_TABLE + row * ROW_BYTES, 8)
}
