// Sums, factors and activations: element by element over rows. Strides in bytes.
import { ACT_CLAMPED_SWIGLU, ACT_GELU, ACT_GELU_TANH, ACT_RELU, ACT_SILU, MAP_SOFTCAP } from '../opcodes'
import { gelu, geluTanh, sigmoid, tanh } from './lanes'
import { float, frameRows, share, word } from './memory'

// Reads 1 to 4 floats; the other lanes are zero.
function loadSome(at: usize, count: u32): v128 {
  let v = f32x4.splat(0)
  v = f32x4.replace_lane(v, 0, load<f32>(at))
  if (count > 1) v = f32x4.replace_lane(v, 1, load<f32>(at, 4))
  if (count > 2) v = f32x4.replace_lane(v, 2, load<f32>(at, 8))
  return v
}
function storeSome(at: usize, v: v128, count: u32): void {
  store<f32>(at, f32x4.extract_lane(v, 0))
  if (count > 1) store<f32>(at, f32x4.extract_lane(v, 1), 4)
  if (count > 2) store<f32>(at, f32x4.extract_lane(v, 2), 8)
}

// Where part `part` begins in a pass over `rows` of `width`: columns are divided, in fours, so that one row serves all parts.
// @ts-ignore: decorator
@inline
function firstColumn(width: u32, part: u32, parts: u32): u32 {
  return part >= parts ? width : share((width + 3) >> 2, part, parts) << 2
}

// y = a + b. Words: a, aStride, b, bStride, y, yStride, width.
export function add(frame: usize, args: usize, part: u32, parts: u32): void {
  const rows = frameRows(frame)
  const width = word(args, 6)
  const from = firstColumn(width, part, parts)
  const to = min(firstColumn(width, part + 1, parts), width)
  for (let row: u32 = 0; row < rows; row++) {
    const a = <usize>word(args, 0) + row * word(args, 1)
    const b = <usize>word(args, 2) + row * word(args, 3)
    const y = <usize>word(args, 4) + row * word(args, 5)
    let i = from
    for (; i + 4 <= to; i += 4) v128.store(y + (i << 2), f32x4.add(v128.load(a + (i << 2)), v128.load(b + (i << 2))))
    for (; i < to; i++) store<f32>(y + (i << 2), load<f32>(a + (i << 2)) + load<f32>(b + (i << 2)))
  }
}

// @ts-ignore: decorator
@inline
function mapped(v: v128, kind: u32, value: f32): v128 {
  if (kind == MAP_SOFTCAP) return f32x4.mul(tanh(f32x4.div(v, f32x4.splat(value))), f32x4.splat(value))
  return f32x4.mul(v, f32x4.splat(value))
}

// y = factor · x, or cap · tanh(x / cap). Words: x, xStride, y, yStride, width, kind, value.
export function map(frame: usize, args: usize, part: u32, parts: u32): void {
  const rows = frameRows(frame)
  const width = word(args, 4)
  const kind = word(args, 5)
  const value = float(args, 6)
  const from = firstColumn(width, part, parts)
  const to = min(firstColumn(width, part + 1, parts), width)
  for (let row: u32 = 0; row < rows; row++) {
    const x = <usize>word(args, 0) + row * word(args, 1)
    const y = <usize>word(args, 2) + row * word(args, 3)
    let i = from
    for (; i + 4 <= to; i += 4) v128.store(y + (i << 2), mapped(v128.load(x + (i << 2)), kind, value))
    if (i < to) storeSome(y + (i << 2), mapped(loadSome(x + (i << 2), to - i), kind, value), to - i)
  }
}

function activated(gate: v128, kind: u32): v128 {
  if (kind == ACT_SILU) return f32x4.mul(gate, sigmoid(gate))
  if (kind == ACT_GELU) return gelu(gate)
  if (kind == ACT_GELU_TANH) return geluTanh(gate)
  if (kind == ACT_RELU) return f32x4.max(gate, f32x4.splat(0))
  return f32x4.mul(gate, sigmoid(f32x4.mul(gate, f32x4.splat(1.702))))
}

// (up + 1) · gate · sigmoid(alpha · gate), gate ≤ limit, |up| ≤ limit
function clampedSwiglu(gate: v128, up: v128, limit: f32, alpha: f32): v128 {
  const bounded = f32x4.min(gate, f32x4.splat(limit))
  const raised = f32x4.add(f32x4.min(f32x4.max(up, f32x4.splat(-limit)), f32x4.splat(limit)), f32x4.splat(1))
  return f32x4.mul(raised, f32x4.mul(bounded, sigmoid(f32x4.mul(bounded, f32x4.splat(alpha)))))
}

// @ts-ignore: decorator
@inline
function gated(gate: v128, up: v128, hasUp: bool, kind: u32, limit: f32, alpha: f32): v128 {
  if (kind == ACT_CLAMPED_SWIGLU) return clampedSwiglu(gate, up, limit, alpha)
  const value = activated(gate, kind)
  return hasUp ? f32x4.mul(value, up) : value
}

// y = activation(gate) ∘ up, `repeat` rows a token. Words: gate, gateStride, up (0: none), upStride, y, yStride, width, kind, limit, alpha, repeat.
export function activate(frame: usize, args: usize, part: u32, parts: u32): void {
  const rows = frameRows(frame) * word(args, 10)
  const width = word(args, 6)
  const kind = word(args, 7)
  const limit = float(args, 8)
  const alpha = float(args, 9)
  const hasUp = word(args, 2) != 0
  const from = firstColumn(width, part, parts)
  const to = min(firstColumn(width, part + 1, parts), width)
  for (let row: u32 = 0; row < rows; row++) {
    const gate = <usize>word(args, 0) + row * word(args, 1)
    const up = hasUp ? <usize>word(args, 2) + row * word(args, 3) : gate
    const y = <usize>word(args, 4) + row * word(args, 5)
    let i = from
    for (; i + 4 <= to; i += 4) v128.store(y + (i << 2), gated(v128.load(gate + (i << 2)), v128.load(up + (i << 2)), hasUp, kind, limit, alpha))
    if (i < to) storeSome(y + (i << 2), gated(loadSome(gate + (i << 2), to - i), loadSome(up + (i << 2), to - i), hasUp, kind, limit, alpha), to - i)
  }
}
