// y = x·Wᵀ + b in every form that W is held in, for all tokens or for those that chose an expert.
import { BLOCK, HELD_BF16, HELD_F16, HELD_F32, HELD_INT4_BLOCK, HELD_INT8_BLOCK, HELD_INT8_BLOCK16, HELD_INT8_ROW } from '../opcodes'
import { frameRows, share, word } from './memory'
import { blocksFour, blocksOne } from './product-block'
import { floatFour, floatOne } from './product-float'
import { bytesFour, bytesOne } from './product-bytes'
import { nibblesFour, nibblesOne } from './product-nibbles'

// @ts-ignore: decorator
@inline
function blocksOf(k: u32): u32 {
  return (k + BLOCK - 1) / BLOCK
}

// Where part `part` begins in `n` rows: rows are woven in fours.
// @ts-ignore: decorator
@inline
function firstRow(n: u32, part: u32, parts: u32): u32 {
  return part >= parts ? n : share((n + 3) >> 2, part, parts) << 2
}

// Rows of W that stay in cache while all tokens pass.
const ROW_TILE: u32 = 16

function one(held: u32, x: usize, w: usize, scales: usize, from: u32, to: u32, k: u32, bias: usize, y: usize): void {
  if (held == HELD_F32) floatOne<f32>(x, w, from, to, k, bias, y)
  else if (held == HELD_F16) floatOne<u16>(x, w, from, to, k, bias, y)
  else if (held == HELD_BF16) floatOne<i16>(x, w, from, to, k, bias, y)
  else if (held == HELD_INT8_ROW) bytesOne(x, w, scales, from, to, blocksOf(k), bias, y)
  else if (held == HELD_INT8_BLOCK) blocksOne<i32>(x, w, scales, from, to, blocksOf(k), bias, y)
  else if (held == HELD_INT8_BLOCK16) blocksOne<i16>(x, w, scales, from, to, blocksOf(k), bias, y)
  else if (held == HELD_INT4_BLOCK) nibblesOne(x, w, scales, from, to, blocksOf(k), bias, y)
}

function four(held: u32, x0: usize, x1: usize, x2: usize, x3: usize, w: usize, scales: usize, from: u32, to: u32, k: u32, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  if (held == HELD_F32) floatFour<f32>(x0, x1, x2, x3, w, from, to, k, bias, y0, y1, y2, y3)
  else if (held == HELD_F16) floatFour<u16>(x0, x1, x2, x3, w, from, to, k, bias, y0, y1, y2, y3)
  else if (held == HELD_BF16) floatFour<i16>(x0, x1, x2, x3, w, from, to, k, bias, y0, y1, y2, y3)
  else if (held == HELD_INT8_ROW) bytesFour(x0, x1, x2, x3, w, scales, from, to, blocksOf(k), bias, y0, y1, y2, y3)
  else if (held == HELD_INT8_BLOCK) blocksFour<i32>(x0, x1, x2, x3, w, scales, from, to, blocksOf(k), bias, y0, y1, y2, y3)
  else if (held == HELD_INT8_BLOCK16) blocksFour<i16>(x0, x1, x2, x3, w, scales, from, to, blocksOf(k), bias, y0, y1, y2, y3)
  else if (held == HELD_INT4_BLOCK) nibblesFour(x0, x1, x2, x3, w, scales, from, to, blocksOf(k), bias, y0, y1, y2, y3)
}

// Words: held, x, xStride, w, scales, n, k, bias, y, yStride.
export function product(frame: usize, args: usize, part: u32, parts: u32, xRow: u32): void {
  const held = word(args, 0)
  const xStride = word(args, 2)
  const w = <usize>word(args, 3)
  const scales = <usize>word(args, 4)
  const k = word(args, 6)
  const bias = <usize>word(args, 7)
  const yStride = word(args, 9)
  const rows = frameRows(frame)
  const end = firstRow(word(args, 5), part + 1, parts)
  const start = firstRow(word(args, 5), part, parts)
  if (rows == 1) return one(held, <usize>word(args, 1) + xRow * xStride, w, scales, start, end, k, bias, <usize>word(args, 8))
  for (let from = start; from < end; from += ROW_TILE) {
    const to = min(from + ROW_TILE, end)
    for (let row: u32 = 0; row < rows; row += 4) {
      // Beyond the last token its own row is computed again.
      const last = rows - 1
      const x = <usize>word(args, 1)
      const y = <usize>word(args, 8)
      const r1 = min(row + 1, last)
      const r2 = min(row + 2, last)
      const r3 = min(row + 3, last)
      four(held, x + row * xStride, x + r1 * xStride, x + r2 * xStride, x + r3 * xStride, w, scales, from, to, k, bias, y + row * yStride, y + r1 * yStride, y + r2 * yStride, y + r3 * yStride)
    }
  }
}

// The same over a stack of matrices: slot s of a token goes through the one that `choice` names. `fromSlots`: x has a row for each slot.
// Words: held, x, xStride, w, scales, n, k, bias, y, yStride, choice, chosen, experts, fromSlots, matrixBytes, scaleBytes.
export function expertProduct(frame: usize, args: usize, part: u32, parts: u32): void {
  const experts = word(args, 12)
  for (let expert: u32 = 0; expert < experts; expert++) oneExpert(frame, args, part, parts, expert)
}

// Address of the next slot's choice from `slot` on that is `expert`, or `slots`.
// @ts-ignore: decorator
@inline
function nextSlot(choice: usize, slot: u32, slots: u32, expert: u32): u32 {
  while (slot < slots && load<u32>(choice + (slot << 2)) != expert) slot++
  return slot
}

function oneExpert(frame: usize, args: usize, part: u32, parts: u32, expert: u32): void {
  const choice = <usize>word(args, 10)
  const chosen = word(args, 11)
  const slots = frameRows(frame) * chosen
  const divisor = word(args, 13) ? 1 : chosen
  const held = word(args, 0)
  const x = <usize>word(args, 1)
  const xStride = word(args, 2)
  const n = word(args, 5)
  const k = word(args, 6)
  const w = <usize>word(args, 3) + <usize>expert * word(args, 14)
  const scales = <usize>word(args, 4) + <usize>expert * word(args, 15)
  const bias = word(args, 7) ? <usize>word(args, 7) + ((<usize>expert * n) << 2) : 0
  const y = <usize>word(args, 8)
  const yStride = word(args, 9)
  const from = firstRow(n, part, parts)
  const to = firstRow(n, part + 1, parts)
  let s0 = nextSlot(choice, 0, slots, expert)
  while (s0 < slots) {
    const s1 = nextSlot(choice, s0 + 1, slots, expert)
    if (s1 >= slots) return one(held, x + (s0 / divisor) * xStride, w, scales, from, to, k, bias, y + s0 * yStride)
    let s2 = nextSlot(choice, s1 + 1, slots, expert)
    let s3 = s2 < slots ? nextSlot(choice, s2 + 1, slots, expert) : slots
    const next = s3 < slots ? nextSlot(choice, s3 + 1, slots, expert) : slots
    if (s2 >= slots) s2 = s1
    if (s3 >= slots) s3 = s2
    four(held, x + (s0 / divisor) * xStride, x + (s1 / divisor) * xStride, x + (s2 / divisor) * xStride, x + (s3 / divisor) * xStride, w, scales, from, to, k, bias, y + s0 * yStride, y + s1 * yStride, y + s2 * yStride, y + s3 * yStride)
    s0 = next
  }
}
