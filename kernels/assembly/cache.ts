// Rotary embedding, and keys and values into the cache. Strides in bytes.
import { HELD_INT16, KEEP_KEYS } from '../opcodes'
import { keepKeys, keepValues, keyBytes, valueBytes } from './cache-layout'
import { frameRows, rowCache, rowCapacity, rowPosition, share, word } from './memory'

// Turns pairs of each head in place: (a, b) → (a cos - b sin, b cos + a sin).
// Words: x, xStride, heads, headWidth, from, pairs, interleaved, cos, sin. Tables [rows, pairs].
export function rotate(frame: usize, args: usize, part: u32, parts: u32): void {
  const heads = word(args, 2)
  const headWidth = word(args, 3)
  const pairs = word(args, 5)
  const interleaved = word(args, 6) != 0
  const total = frameRows(frame) * heads
  const end = share(total, part + 1, parts)
  for (let i = share(total, part, parts); i < end; i++) {
    const row = i / heads
    const x = <usize>word(args, 0) + row * word(args, 1) + (((i - row * heads) * headWidth + word(args, 4)) << 2)
    const cos = <usize>word(args, 7) + ((row * pairs) << 2)
    const sin = <usize>word(args, 8) + ((row * pairs) << 2)
    if (interleaved) rotateNeighbours(x, cos, sin, pairs)
    else rotateHalves(x, cos, sin, pairs)
  }
}

function rotateNeighbours(x: usize, cos: usize, sin: usize, pairs: u32): void {
  for (let i: usize = 0; i < pairs; i++) {
    const at = x + (i << 3)
    const a = load<f32>(at)
    const b = load<f32>(at, 4)
    const c = load<f32>(cos + (i << 2))
    const s = load<f32>(sin + (i << 2))
    store<f32>(at, a * c - b * s)
    store<f32>(at, b * c + a * s, 4)
  }
}

function rotateHalves(x: usize, cos: usize, sin: usize, pairs: u32): void {
  const half = <usize>pairs << 2
  const vectors = <usize>(pairs & ~3) << 2
  let at: usize = 0
  for (; at < vectors; at += 16) {
    const a = v128.load(x + at)
    const b = v128.load(x + half + at)
    const c = v128.load(cos + at)
    const s = v128.load(sin + at)
    v128.store(x + at, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)))
    v128.store(x + half + at, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)))
  }
  for (; at < half; at += 4) {
    const a = load<f32>(x + at)
    const b = load<f32>(x + half + at)
    const c = load<f32>(cos + at)
    const s = load<f32>(sin + at)
    store<f32>(x + at, a * c - b * s)
    store<f32>(x + half + at, b * c + a * s)
  }
}

// Rows into the caches of their sequences, as cache-layout.ts says, at `capacity · offset` bytes behind the fixed states.
// Words: x, xStride, headStride, heads, width, cacheWidth, column, fixed, offset, kind, held. A headStride of 0: all heads share one vector.
export function keep(frame: usize, args: usize, part: u32, parts: u32): void {
  const total = frameRows(frame) * word(args, 3)
  const end = share(total, part + 1, parts)
  for (let i = share(total, part, parts); i < end; i++) {
    if (word(args, 10) == HELD_INT16) keepHead<i16>(frame, args, i)
    else keepHead<f32>(frame, args, i)
  }
}

function keepHead<T>(frame: usize, args: usize, index: u32): void {
  const heads = word(args, 3)
  const row = index / heads
  const head = index - row * heads
  const capacity = rowCapacity(frame, row)
  const position = rowPosition(frame, row)
  const width = word(args, 5)
  const region = rowCache(frame, row) + word(args, 7) + <usize>capacity * word(args, 8)
  const x = <usize>word(args, 0) + row * word(args, 1) + head * word(args, 2)
  const own = region + <usize>head * capacity * (word(args, 9) == KEEP_KEYS ? keyBytes<T>(width) : valueBytes<T>(width))
  if (word(args, 9) == KEEP_KEYS) keepKeys<T>(own, position, capacity, width, word(args, 6), x, word(args, 4))
  else keepValues<T>(own, position, capacity, x, word(args, 4))
}

// Short causal convolution: b, c, x of a row lie behind each other; out = c ∘ (bias + Σ kernel[tap] · (b ∘ x) of the tap's token).
// The state, [length - 1, width] products b ∘ x of the last tokens, begins as zeros at position 0.
// Words: x, xStride, width, length, kernel, bias, state, y, yStride.
export function convolve(frame: usize, args: usize, part: u32, parts: u32): void {
  const width = word(args, 2)
  const past = word(args, 3) - 1
  const from = share(width, part, parts)
  const to = share(width, part + 1, parts)
  const rows = frameRows(frame)
  for (let row: u32 = 0; row < rows; row++) {
    const state = rowCache(frame, row) + word(args, 6)
    const known = min(past, rowPosition(frame, row))
    const x = <usize>word(args, 0) + row * word(args, 1)
    const y = <usize>word(args, 7) + row * word(args, 8)
    for (let column = from; column < to; column++) convolveColumn(x, y, state, args, column, known)
  }
}

function convolveColumn(x: usize, y: usize, state: usize, args: usize, column: u32, known: u32): void {
  const width = word(args, 2)
  const past = word(args, 3) - 1
  const kernel = <usize>word(args, 4) + ((column * (past + 1)) << 2)
  const bias = <usize>word(args, 5)
  const at = <usize>column << 2
  const product = load<f32>(x + at) * load<f32>(x + (<usize>width << 3) + at)
  let total: f32 = (bias ? load<f32>(bias + at) : 0) + product * load<f32>(kernel + (past << 2))
  for (let tap = past - known; tap < past; tap++) total += load<f32>(state + ((<usize>tap * width) << 2) + at) * load<f32>(kernel + (tap << 2))
  for (let tap: u32 = 0; tap + 1 < past; tap++) {
    const slot = state + ((<usize>tap * width) << 2) + at
    store<f32>(slot, load<f32>(slot + (<usize>width << 2)))
  }
  if (past > 0) store<f32>(state + ((<usize>(past - 1) * width) << 2) + at, product)
  store<f32>(y + at, total * load<f32>(x + (<usize>width << 2) + at))
}
