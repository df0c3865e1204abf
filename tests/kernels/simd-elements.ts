/** Random calls of norms, activations, sums, rotations and convolutions. */
import * as code from '../../kernels/opcodes.ts'
import { activation, convolution, mapped, norm, rotate } from '../../kernels/reference/elementwise.ts'
import { rowsWithoutCache, type KernelCaller, type Random } from './simd-call.ts'
import { extreme, pick, uneven, whole } from './simd-inputs.ts'
import type { Worst } from './simd-worst.ts'

const values = (random: Random, count: number, isExtreme: boolean): Float32Array => (isExtreme ? extreme(random, count) : uneven(random, count))

export function normCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const [rows, segments, width] = [whole(random, 1, 5), whole(random, 1, 4), pick(random, [1, 2, 5, 16, 31, 48, 64, 576])]
  const kind = pick(random, [code.NORM_RMS, code.NORM_LAYER])
  const isShared = random() < 0.5
  const x = values(random, rows * segments * width, isExtreme)
  const weight = uneven(random, isShared ? width : segments * width)
  const bias = random() < 0.3 ? uneven(random, isShared ? width : segments * width) : null
  const epsilon = 10 ** -whole(random, 4, 6)
  const y = caller.buffer(4 * x.length)
  const stride = 4 * segments * width
  const words = { x: caller.floats(x), xStride: stride, segments, width, weight: caller.floats(weight), weightStep: isShared ? 0 : 4 * width }
  caller.call('norm', { ...words, bias: bias ? caller.floats(bias) : 0, epsilon, kind, y, yStride: stride }, rowsWithoutCache(rows))
  if (isExtreme) return
  const results = caller.readFloats(y, x.length)
  for (let i = 0; i < rows * segments; i++) {
    const first = isShared ? 0 : (i % segments) * width
    const own = x.subarray(i * width, (i + 1) * width)
    const expected = norm(kind, own, weight.subarray(first, first + width), bias?.subarray(first, first + width) ?? null, Math.fround(epsilon))
    const magnitude = norm(code.NORM_RMS, own, new Float32Array(width).fill(1), null, epsilon).reduce((most, v) => Math.max(most, Math.abs(v)), 0)
    // Of a layer norm the mean is taken away, and with it what its rounding errors are small beside.
    const spread = kind === code.NORM_LAYER ? 200 : 1
    for (let j = 0; j < width; j++) {
      const scale = magnitude * Math.abs(weight[first + j] ?? 0) * spread + Math.abs(bias?.[first + j] ?? 0)
      worst('norm', Math.abs((results[i * width + j] ?? NaN) - (expected[j] ?? 0)), 4e-6 * scale + 1e-30)
    }
  }
}

export function activateCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const [tokens, repeat, width] = [whole(random, 1, 3), whole(random, 1, 3), whole(random, 1, 70)]
  const kind = whole(random, code.ACT_SILU, code.ACT_CLAMPED_SWIGLU)
  const rows = tokens * repeat
  const gate = values(random, rows * width, isExtreme)
  const up = kind === code.ACT_CLAMPED_SWIGLU || random() < 0.5 ? values(random, rows * width, isExtreme) : null
  const [limit, alpha] = [2 + 6 * random(), 1 + random()].map(Math.fround)
  const y = caller.buffer(4 * rows * width)
  const stride = 4 * width
  const words = { gate: caller.floats(gate), gateStride: stride, up: up ? caller.floats(up) : 0, upStride: stride, y, yStride: stride, width }
  caller.call('activate', { ...words, kind, limit: limit ?? 0, alpha: alpha ?? 0, repeat }, rowsWithoutCache(tokens))
  if (isExtreme) return
  const results = caller.readFloats(y, rows * width)
  for (const [i, value] of gate.entries()) {
    const other = up?.[i] ?? null
    const expected = activation(kind, value, other, limit ?? 0, alpha ?? 0)
    worst(
      'activate',
      Math.abs((results[i] ?? NaN) - expected),
      4e-6 * Math.abs(expected) + 1e-6 * Math.abs(value) * Math.max(1, Math.abs(other ?? 1)),
    )
  }
}

export function mapCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const [rows, width, kind] = [whole(random, 1, 4), whole(random, 1, 70), pick(random, [code.MAP_SCALE, code.MAP_SOFTCAP])]
  const x = values(random, rows * width, isExtreme)
  const value = Math.fround(1 + 40 * random())
  const y = caller.buffer(4 * x.length)
  caller.call('map', { x: caller.floats(x), xStride: 4 * width, y, yStride: 4 * width, width, kind, value }, rowsWithoutCache(rows))
  if (isExtreme) return
  const results = caller.readFloats(y, x.length)
  for (const [i, input] of x.entries())
    worst('map', Math.abs((results[i] ?? NaN) - mapped(kind, input, value)), 2e-6 * Math.abs(mapped(kind, input, value)) + 1e-30)
}

export function addCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const [rows, width] = [whole(random, 1, 4), whole(random, 1, 70)]
  const [a, b] = [values(random, rows * width, isExtreme), values(random, rows * width, isExtreme)]
  const y = caller.buffer(4 * a.length)
  const stride = 4 * width
  caller.call(
    'add',
    { a: caller.floats(a), aStride: stride, b: caller.floats(b), bStride: stride, y, yStride: stride, width },
    rowsWithoutCache(rows),
  )
  if (isExtreme) return
  const results = caller.readFloats(y, a.length)
  for (const [i, value] of results.entries()) worst('add', Math.abs(value - Math.fround((a[i] ?? 0) + (b[i] ?? 0))), 0)
}

export function rotateCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const [rows, heads, pairs, from] = [whole(random, 1, 4), whole(random, 1, 5), whole(random, 1, 20), whole(random, 0, 6)]
  const headWidth = from + 2 * pairs + whole(random, 0, 5)
  const interleaved = random() < 0.5
  const x = values(random, rows * heads * headWidth, isExtreme)
  const angles = Float32Array.from({ length: rows * pairs }, () => 100 * random())
  const [cos, sin] = [angles.map((angle) => Math.cos(angle)), angles.map((angle) => Math.sin(angle))]
  const address = caller.floats(x)
  const words = { x: address, xStride: 4 * heads * headWidth, heads, headWidth, from, pairs, interleaved: interleaved ? 1 : 0 }
  caller.call('rotate', { ...words, cos: caller.floats(cos), sin: caller.floats(sin) }, rowsWithoutCache(rows))
  if (isExtreme) return
  const results = caller.readFloats(address, x.length)
  for (let i = 0; i < rows * heads; i++) {
    const head = Float64Array.from(x.subarray(i * headWidth, (i + 1) * headWidth))
    const row = Math.floor(i / heads)
    rotate(head, cos.subarray(row * pairs, (row + 1) * pairs), sin.subarray(row * pairs, (row + 1) * pairs), from, interleaved)
    const largest = head.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    for (const [j, expected] of head.entries()) worst('rotate', Math.abs((results[i * headWidth + j] ?? NaN) - expected), 4e-7 * largest + 1e-30)
  }
}

/** A sequence in passes of any sizes, as prefill and decode are. */
export function convolveCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const [tokens, width, length] = [whole(random, 1, 9), whole(random, 1, 40), whole(random, 1, 5)]
  const rows = Array.from({ length: tokens }, () => values(random, 3 * width, isExtreme))
  const kernel = uneven(random, width * length)
  const bias = random() < 0.5 ? uneven(random, width) : null
  const fixed = { width, length, kernel: caller.floats(kernel), bias: bias ? caller.floats(bias) : 0, state: 0 }
  const cache = caller.buffer(4 * (length - 1) * width)
  const results: number[][] = []
  for (let position = 0; position < tokens;) {
    const count = whole(random, 1, tokens - position)
    const x = caller.floats(rows.slice(position, position + count).flatMap((row) => [...row]))
    const y = caller.buffer(4 * count * width)
    const table = Array.from({ length: count }, (_, i) => ({ cache, capacity: 0, position: position + i }))
    caller.call('convolve', { ...fixed, x, xStride: 12 * width, y, yStride: 4 * width }, table)
    for (let i = 0; i < count; i++) results.push([...caller.readFloats(y + 4 * i * width, width)])
    position += count
  }
  if (isExtreme) return
  const expected = convolution(rows, width, kernel, bias)
  const magnitudes = convolution(
    rows.map((row) => row.map(Math.abs)),
    width,
    kernel.map(Math.abs),
    bias?.map(Math.abs) ?? null,
  )
  for (const [t, row] of expected.entries()) {
    for (const [i, value] of row.entries()) worst('convolve', Math.abs((results[t]?.[i] ?? NaN) - value), 1e-6 * (magnitudes[t]?.[i] ?? 0) + 1e-30)
  }
}
