// y = (x - mean) / √(variance + ε) · w + b over segments of a row; RMS: mean is 0.
// Words: x, xStride, segments, width, weight, weightStep, bias, epsilon, kind, y, yStride. Strides in bytes.
import { NORM_LAYER } from '../opcodes'
import { sum } from './lanes'
import { float, frameRows, share, word } from './memory'

function mean(x: usize, width: u32): f32 {
  let total = f32x4.splat(0)
  const vectors = width & ~3
  for (let i: u32 = 0; i < vectors; i += 4) total = f32x4.add(total, v128.load(x + (i << 2)))
  let rest = sum(total)
  for (let i = vectors; i < width; i++) rest += load<f32>(x + (i << 2))
  return rest / <f32>width
}

function meanSquare(x: usize, width: u32, shift: f32): f32 {
  let total = f32x4.splat(0)
  const shifts = f32x4.splat(shift)
  const vectors = width & ~3
  for (let i: u32 = 0; i < vectors; i += 4) {
    const v = f32x4.sub(v128.load(x + (i << 2)), shifts)
    total = f32x4.add(total, f32x4.mul(v, v))
  }
  let rest = sum(total)
  for (let i = vectors; i < width; i++) {
    const v = load<f32>(x + (i << 2)) - shift
    rest += v * v
  }
  return rest / <f32>width
}

function segment(x: usize, width: u32, weight: usize, bias: usize, epsilon: f32, kind: u32, y: usize): void {
  const shift: f32 = kind == NORM_LAYER ? mean(x, width) : 0
  const factor: f32 = 1 / sqrt(meanSquare(x, width, shift) + epsilon)
  const shifts = f32x4.splat(shift)
  const factors = f32x4.splat(factor)
  const vectors = width & ~3
  for (let i: u32 = 0; i < vectors; i += 4) {
    const at = <usize>i << 2
    let v = f32x4.mul(f32x4.mul(f32x4.sub(v128.load(x + at), shifts), factors), v128.load(weight + at))
    if (bias) v = f32x4.add(v, v128.load(bias + at))
    v128.store(y + at, v)
  }
  for (let i = vectors; i < width; i++) {
    const at = <usize>i << 2
    let v = (load<f32>(x + at) - shift) * factor * load<f32>(weight + at)
    if (bias) v += load<f32>(bias + at)
    store<f32>(y + at, v)
  }
}

export function norm(frame: usize, args: usize, part: u32, parts: u32, xRow: u32, yRow: u32): void {
  const segments = word(args, 2)
  const width = word(args, 3)
  const step = <usize>word(args, 5)
  const total = frameRows(frame) * segments
  const end = share(total, part + 1, parts)
  for (let i = share(total, part, parts); i < end; i++) {
    const row = i / segments
    const inRow = i - row * segments
    const at = <usize>(inRow * width) << 2
    const x = <usize>word(args, 0) + (xRow + row) * word(args, 1) + at
    const y = <usize>word(args, 9) + (yRow + row) * word(args, 10) + at
    const bias = <usize>word(args, 6)
    segment(x, width, <usize>word(args, 4) + inRow * step, bias ? bias + inRow * step : 0, float(args, 7), word(args, 8), y)
  }
}
