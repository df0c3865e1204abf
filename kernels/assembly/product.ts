// y = x·Wᵀ + b in every form that W is held in, for all tokens or for those that chose an expert.
import { BLOCK, BLOCK_BYTES, HELD_BF16, HELD_F16, HELD_F32, HELD_INT4_BLOCK, HELD_INT4_MINIMA, HELD_INT8_BLOCK, HELD_INT8_BLOCK16, HELD_INT8_ROW } from '../opcodes'
import { frameRows, share, word } from './memory'
import { blocksOne, blocksTokens } from './product-block'
import { floatRows, floatTokens } from './product-float'
import { bytesOne, bytesTokens } from './product-bytes'
import { nibblesOne, nibblesTwo } from './product-nibbles'
import { relaxedTokens } from './product-nibbles-relaxed'
import { blockBytes, factorBytes, stretchBlocks } from './product-rows'

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

// Bytes of W that stay in the first cache while all tokens pass.
const TILE_BYTES: u32 = 32768

// @ts-ignore: decorator
@inline
function oneOfNibbles<Z>(x: usize, scaleAt: usize, w: usize, factors: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxedTokens<Z, i8>(x, 0, 0, 0, w, factors, from, to, blocks, isMore, bias, y, 0, 0, 0)
  else nibblesOne<Z>(x, scaleAt, w, factors, from, to, blocks, isMore, bias, y)
}

function one(held: u32, x: usize, scaleAt: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y: usize): void {
  if (held == HELD_INT8_ROW) bytesOne(x, scaleAt, w, scales, from, to, blocks, isMore, bias, y)
  else if (held == HELD_INT8_BLOCK) blocksOne<i32>(x, scaleAt, w, scales, from, to, blocks, bias, y)
  else if (held == HELD_INT8_BLOCK16) blocksOne<i16>(x, scaleAt, w, scales, from, to, blocks, bias, y)
  else if (held == HELD_INT4_BLOCK) oneOfNibbles<i8>(x, scaleAt, w, scales, from, to, blocks, isMore, bias, y)
  else if (held == HELD_INT4_MINIMA) oneOfNibbles<i16>(x, scaleAt, w, scales, from, to, blocks, isMore, bias, y)
}

// @ts-ignore: decorator
@inline
function tokensOfNibbles<Z, Q>(x0: usize, x1: usize, x2: usize, x3: usize, scaleAt: usize, w: usize, factors: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) return relaxedTokens<Z, Q>(x0, x1, x2, x3, w, factors, from, to, blocks, isMore, bias, y0, y1, y2, y3)
  nibblesTwo<Z>(x0, x1, scaleAt, w, factors, from, to, blocks, isMore, bias, y0, y1)
  if (sizeof<Q>() > 4) nibblesTwo<Z>(x2, x3, scaleAt, w, factors, from, to, blocks, isMore, bias, y2, y3)
  else if (sizeof<Q>() > 2) nibblesOne<Z>(x2, scaleAt, w, factors, from, to, blocks, isMore, bias, y2)
}

// Q = i16: two tokens, i64: four.
function tokens<Q>(held: u32, x0: usize, x1: usize, x2: usize, x3: usize, scaleAt: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  if (held == HELD_INT8_ROW) bytesTokens<Q>(x0, x1, x2, x3, scaleAt, w, scales, from, to, blocks, isMore, bias, y0, y1, y2, y3)
  else if (held == HELD_INT8_BLOCK) blocksTokens<i32, Q>(x0, x1, x2, x3, scaleAt, w, scales, from, to, blocks, bias, y0, y1, y2, y3)
  else if (held == HELD_INT8_BLOCK16) blocksTokens<i16, Q>(x0, x1, x2, x3, scaleAt, w, scales, from, to, blocks, bias, y0, y1, y2, y3)
  else if (held == HELD_INT4_BLOCK) tokensOfNibbles<i8, Q>(x0, x1, x2, x3, scaleAt, w, scales, from, to, blocks, isMore, bias, y0, y1, y2, y3)
  else if (held == HELD_INT4_MINIMA) tokensOfNibbles<i16, Q>(x0, x1, x2, x3, scaleAt, w, scales, from, to, blocks, isMore, bias, y0, y1, y2, y3)
}

// Forms with a kernel of their own for three tokens.
// @ts-ignore: decorator
@inline
function takesThree(held: u32): bool {
  return held == HELD_INT8_ROW || held == HELD_INT4_BLOCK
}

function three(held: u32, x0: usize, x1: usize, x2: usize, scaleAt: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y0: usize, y1: usize, y2: usize): void {
  if (held == HELD_INT8_ROW) bytesTokens<i32>(x0, x1, x2, 0, scaleAt, w, scales, from, to, blocks, isMore, bias, y0, y1, y2, 0)
  else tokensOfNibbles<i8, i32>(x0, x1, x2, 0, scaleAt, w, scales, from, to, blocks, isMore, bias, y0, y1, y2, 0)
}

// @ts-ignore: decorator
@inline
function isFloat(held: u32): bool {
  return held == HELD_F32 || held == HELD_F16 || held == HELD_BF16
}

// One to four tokens over one stretch; the addresses of others are not read.
function some(count: u32, held: u32, x0: usize, x1: usize, x2: usize, x3: usize, scaleAt: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  if (count == 1) return one(held, x0, scaleAt, w, scales, from, to, blocks, isMore, bias, y0)
  if (count == 2) return tokens<i16>(held, x0, x1, x1, x1, scaleAt, w, scales, from, to, blocks, isMore, bias, y0, y1, y1, y1)
  if (count == 4) return tokens<i64>(held, x0, x1, x2, x3, scaleAt, w, scales, from, to, blocks, isMore, bias, y0, y1, y2, y3)
  if (takesThree(held)) return three(held, x0, x1, x2, scaleAt, w, scales, from, to, blocks, isMore, bias, y0, y1, y2)
  tokens<i16>(held, x0, x1, x1, x1, scaleAt, w, scales, from, to, blocks, isMore, bias, y0, y1, y1, y1)
  one(held, x2, scaleAt, w, scales, from, to, blocks, isMore, bias, y2)
}

// Blocks of a row that lie together: bytes by blocks lie row by row, all other rows are woven.
// @ts-ignore: decorator
@inline
function stretchOf(held: u32, blocks: u32): u32 {
  return held == HELD_INT8_BLOCK || held == HELD_INT8_BLOCK16 ? blocks : stretchBlocks(blocks)
}

// Rows [from, to), from a multiple of four, of `n`, over blocks [first, end) from where a stretch begins. One to four tokens, as above.
function integerTokens(count: u32, held: u32, x0: usize, x1: usize, x2: usize, x3: usize, w: usize, scales: usize, n: u32, from: u32, to: u32, k: u32, first: u32, end: u32, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const blocks = blocksOf(k)
  const step = stretchOf(held, blocks)
  // Of all rows, which are as many as fill the last four.
  const placed = <usize>((n + 3) & ~3)
  for (let block = first; block < end; block += step) {
    const x = <usize>block * BLOCK_BYTES
    const scaleAt = <usize>(blocks - block) * BLOCK_BYTES
    const before = placed * block
    some(count, held, x0 + x, x1 + x, x2 + x, x3 + x, scaleAt, w + before * blockBytes(held), scales + before * factorBytes(held), from, to, min(step, blocks - block), block > 0, bias, y0, y1, y2, y3)
  }
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
  const n = word(args, 5)
  const end = firstRow(n, part + 1, parts)
  const start = firstRow(n, part, parts)
  // Only one row may be elsewhere than in the first one's place.
  const first = <usize>word(args, 1) + xRow * xStride
  if (isFloat(held)) return floatRows(rows, held, first, xStride, w, n, start, end, k, bias, <usize>word(args, 8), yStride)
  const blocks = blocksOf(k)
  if (rows == 1) return integerTokens(1, held, first, 0, 0, 0, w, scales, n, start, end, k, 0, blocks, bias, <usize>word(args, 8), 0, 0, 0)
  const step = stretchOf(held, blocks)
  const tile = max(16, (TILE_BYTES / (step * blockBytes(held))) & ~3)
  for (let block: u32 = 0; block < blocks; block += step) {
    for (let from = start; from < end; from += tile) {
      const to = min(from + tile, end)
      for (let row: u32 = 0; row < rows; row += 4) {
        const x = <usize>word(args, 1) + row * xStride
        const y = <usize>word(args, 8) + row * yStride
        integerTokens(min(4, rows - row), held, x, x + xStride, x + 2 * xStride, x + 3 * xStride, w, scales, n, from, to, k, block, block + 1, bias, y, y + yStride, y + 2 * yStride, y + 3 * yStride)
      }
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
    const s2 = s1 < slots ? nextSlot(choice, s1 + 1, slots, expert) : slots
    const s3 = s2 < slots ? nextSlot(choice, s2 + 1, slots, expert) : slots
    const count: u32 = 1 + u32(s1 < slots) + u32(s2 < slots) + u32(s3 < slots)
    const x0 = x + (s0 / divisor) * xStride
    const x1 = x + (s1 / divisor) * xStride
    const x2 = x + (s2 / divisor) * xStride
    const x3 = x + (s3 / divisor) * xStride
    const y0 = y + s0 * yStride
    const y1 = y + s1 * yStride
    const y2 = y + s2 * yStride
    const y3 = y + s3 * yStride
    if (isFloat(held)) floatTokens(count, held, x0, x1, x2, x3, w, n, from, to, k, 0, k, bias, y0, y1, y2, y3)
    else integerTokens(count, held, x0, x1, x2, x3, w, scales, n, from, to, k, 0, blocksOf(k), bias, y0, y1, y2, y3)
    s0 = s3 < slots ? nextSlot(choice, s3 + 1, slots, expert) : slots
  }
}
