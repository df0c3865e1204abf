/** Random calls of the products and of the quantization before them. */
import * as code from '../../kernels/opcodes.ts'
import { byteRow, dot, dotOfMagnitudes, minimaRow, nibbleRow } from '../../kernels/reference/product.ts'
import { f16ToF32Array, bf16ToF32Array } from '../../core/quant/float16.ts'
import * as form from '../../core/simd/held-matrix.ts'
import {
  HELD_CODES,
  isFloatMatrix,
  isInteger,
  isNibbles,
  rowBytes,
  scalesPerRow,
  type HeldWeight,
  type MatrixForm,
} from '../../core/simd/held-matrix.ts'
import { placeRows } from '../../core/simd/pack.ts'
import { rowsWithoutCache, type KernelCaller, type Random } from './simd-call.ts'
import { extreme, pick, uneven, whole } from './simd-inputs.ts'
import { ALONE, differences, type Worst } from './simd-worst.ts'

const HELDS = [
  'f32',
  'f16',
  'bf16',
  'int8-rows',
  'int8-blocks',
  'int8-blocks16',
  'int4-blocks',
  'int4-minima',
] as const satisfies readonly MatrixForm[]
const WIDTHS = [1, 3, 16, 31, 32, 33, 48, 64, 96, 100, 256, 576] as const
const LONG = 4096
/** Two stretches of woven rows, the last one shorter and not whole. */
const STRETCHED = 1590
const [LONG_PART, STRETCHED_PART] = [0.02, 0.15]

function widthOf(random: Random): number {
  const part = random()
  if (part < LONG_PART) return LONG + whole(random, -40, 40)
  return part < LONG_PART + STRETCHED_PART ? STRETCHED : pick(random, WIDTHS)
}

type Matrix = {
  /** As kernels read them. */
  readonly bytes: Uint8Array
  readonly scales: Uint8Array
  readonly rows: readonly Float64Array[]
  /** What rounding of a row is measured against: a minimum is a term of its own, and it and its nibbles may nearly cancel. */
  readonly sizes: readonly Float64Array[]
}

/** Rows as a device holds them. */
function placed(
  held: MatrixForm,
  values: Uint8Array,
  scales: Float32Array,
  rows: number,
  columns: number,
  matrices: number,
): Pick<Matrix, 'bytes' | 'scales'> {
  const weight: HeldWeight = { held, sources: Array.from({ length: matrices }, () => ({ tensor: '', shape: [] })), rows, columns }
  const place = new Uint8Array(form.heldBytesOf(weight))
  placeRows(place, weight, 0, { values, scales: scales.length > 0 ? scales : null })
  const [elements, factors] = [form.elementBytes(held, rows / matrices, columns), form.scaleBytes(held, rows / matrices, columns)]
  const scalesAt = form.scalesAt(weight)
  return { bytes: place.slice(0, matrices * elements), scales: place.slice(scalesAt, scalesAt + matrices * factors) }
}

/** Matrices of together `n` rows in any form, and what they stand for. */
function randomMatrix(random: Random, held: MatrixForm, n: number, k: number, matrices = 1): Matrix {
  // Floats are padded where they are placed.
  const perRow = isFloatMatrix(held) ? k * (held === 'f32' ? 4 : 2) : rowBytes(held, k)
  const bytes = Uint8Array.from({ length: n * perRow }, () => Math.floor(random() * 256))
  // Of a form's own bytes any are a weight, but for floats, whose exponents must be small.
  if (held === 'f32') bytes.set(new Uint8Array(uneven(random, n * k).buffer))
  if (held === 'f16' || held === 'bf16') for (let i = 1; i < bytes.length; i += 2) bytes[i] = ((bytes[i] ?? 0) & 0x80) | (0x38 + (i % 7))
  const perScales = scalesPerRow(held, k)
  const scales = uneven(random, n * perScales, 0.01)
  const rows = Array.from({ length: n }, (_, row) => {
    const part = bytes.slice(row * perRow, (row + 1) * perRow)
    const own = scales.subarray(row * perScales, (row + 1) * perScales)
    switch (held) {
      case 'f32':
        return Float64Array.from(new Float32Array(part.buffer))
      case 'f16':
        return Float64Array.from(f16ToF32Array(new Uint16Array(part.buffer)))
      case 'bf16':
        return Float64Array.from(bf16ToF32Array(new Uint16Array(part.buffer)))
      case 'int8-rows':
        return byteRow(new Int8Array(part.buffer), own, Infinity, k)
      case 'int8-blocks':
        return byteRow(new Int8Array(part.buffer), own, 32, k)
      case 'int8-blocks16':
        return byteRow(new Int8Array(part.buffer), own, 16, k)
      case 'int4-blocks':
        return nibbleRow(part, own, k)
      case 'int4-minima':
        return minimaRow(part, own, k)
    }
  })
  const sizes = rows.map((row, i) => {
    if (held !== 'int4-minima') return row
    const own = scales.subarray(i * perScales, (i + 1) * perScales).map((factor, j) => (j % 2 === 0 ? Math.abs(factor) : -Math.abs(factor)))
    return minimaRow(bytes.subarray(i * perRow, (i + 1) * perRow), own, k)
  })
  return { ...placed(held, bytes, scales, n, k, matrices), rows, sizes }
}

const quantizedStride = (k: number): number => Math.ceil(k / code.BLOCK) * code.BLOCK_BYTES + 16

/** Address of x as a product of `held` reads it, with its stride. */
function input(caller: KernelCaller, held: MatrixForm, x: Float32Array, rows: number, k: number): readonly [number, number] {
  const address = caller.floats(x)
  if (!isInteger(held)) return [address, 4 * k]
  const stride = quantizedStride(k)
  const y = caller.buffer(rows * stride)
  const order = isNibbles(held) ? code.ORDER_NIBBLES : code.ORDER_NATURAL
  caller.call('quantize', { x: address, xStride: 4 * k, k, repeat: 1, order, y, yStride: stride }, rowsWithoutCache(rows))
  return [y, stride]
}

const largestOf = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
const magnitudes = (values: Float64Array): number => values.reduce((sum, value) => sum + Math.abs(value), 0)

/** Half a step of the quantized activations at each weight. */
function stepBound({ isRelaxed }: KernelCaller, held: MatrixForm, x: Float32Array, w: Float64Array): number {
  if (!isInteger(held)) return 0
  if (!isRelaxed || !isNibbles(held)) return (0.51 * largestOf(x) * magnitudes(w)) / 32_767
  const blocks = Array.from({ length: Math.ceil(x.length / code.BLOCK) }, (_, i) => [i * code.BLOCK, (i + 1) * code.BLOCK] as const)
  return blocks.reduce((sum, [from, to]) => sum + (0.51 * largestOf(x.subarray(from, to)) * magnitudes(w.subarray(from, to))) / 127, 0)
}

/** That, and rounding of sums in f32. */
const bound = (caller: KernelCaller, held: MatrixForm, x: Float32Array, w: Float64Array, size: Float64Array): number =>
  4e-6 * dotOfMagnitudes(x, size) + stepBound(caller, held, x, w) + 1e-30

export function productCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const held = pick(random, HELDS)
  const k = widthOf(random)
  const [n, rows] = [whole(random, 1, k > 1000 ? 6 : 37), whole(random, 1, 9)]
  const { bytes, scales, rows: weights, sizes } = randomMatrix(random, held, n, k)
  const x = isExtreme ? extreme(random, rows * k) : uneven(random, rows * k)
  const bias = random() < 0.5 ? uneven(random, n) : null
  const [address, xStride] = input(caller, held, x, rows, k)
  const y = caller.buffer(4 * rows * n)
  const matrix = { held: HELD_CODES[held], weight: caller.bytes(bytes), scales: isInteger(held) ? caller.bytes(scales) : 0 }
  const words = { ...matrix, x: address, xStride, n, k, bias: bias ? caller.floats(bias) : 0, y, yStride: 4 * n }
  caller.call('product', words, rowsWithoutCache(rows))
  if (isExtreme) return
  const results = caller.readFloats(y, rows * n)
  for (let row = 0; row < rows; row++) caller.call('product', { ...words, x: address + row * xStride, y: y + 4 * row * n }, rowsWithoutCache(1))
  worst(ALONE, differences(results, caller.readFloats(y, rows * n)), 0)
  for (let row = 0; row < rows; row++) {
    const own = x.subarray(row * k, (row + 1) * k)
    for (const [i, w] of weights.entries()) {
      const expected = dot(own, w) + (bias?.[i] ?? 0)
      worst(
        `product ${held}`,
        Math.abs((results[row * n + i] ?? NaN) - expected),
        bound(caller, held, own, w, sizes[i] ?? w) + 2e-7 * Math.abs(expected),
      )
    }
  }
}

/** Each slot through the expert it chose, before and behind the activation. */
export function expertCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const held = pick(random, HELDS)
  const [k, n, experts, tokens] = [
    random() < STRETCHED_PART ? STRETCHED : pick(random, WIDTHS),
    whole(random, 1, 19),
    whole(random, 1, 6),
    whole(random, 1, 7),
  ]
  const chosen = whole(random, 1, experts)
  const fromSlots = random() < 0.5
  const { bytes, scales, rows: weights, sizes } = randomMatrix(random, held, n * experts, k, experts)
  const rows = fromSlots ? tokens * chosen : tokens
  const x = isExtreme ? extreme(random, rows * k) : uneven(random, rows * k)
  const ids = Uint32Array.from({ length: tokens * chosen }, () => whole(random, 0, experts - 1))
  const bias = random() < 0.5 ? uneven(random, n * experts) : null
  const [address, xStride] = input(caller, held, x, rows, k)
  const y = caller.buffer(4 * tokens * chosen * n)
  const words = {
    held: HELD_CODES[held],
    x: address,
    xStride,
    weight: caller.bytes(bytes),
    scales: isInteger(held) ? caller.bytes(scales) : 0,
    n,
    k,
    bias: bias ? caller.floats(bias) : 0,
    y,
    yStride: 4 * n,
    choice: caller.bytes(new Uint8Array(ids.buffer)),
    chosen,
    experts,
    fromSlots: fromSlots ? 1 : 0,
    matrixBytes: form.elementBytes(held, n, k),
    scaleBytes: form.scaleBytes(held, n, k),
  }
  caller.call('expertProduct', words, rowsWithoutCache(tokens))
  if (isExtreme) return
  const results = caller.readFloats(y, tokens * chosen * n)
  for (let token = 0; token < tokens; token++) {
    const own = { x: address + token * (fromSlots ? chosen : 1) * xStride, choice: words.choice + 4 * token * chosen, y: y + 4 * token * chosen * n }
    caller.call('expertProduct', { ...words, ...own }, rowsWithoutCache(1))
  }
  worst(ALONE, differences(results, caller.readFloats(y, results.length)), 0)
  for (const [slot, expert] of ids.entries()) {
    const row = fromSlots ? slot : Math.floor(slot / chosen)
    const own = x.subarray(row * k, (row + 1) * k)
    for (let i = 0; i < n; i++) {
      const w = weights[expert * n + i] ?? new Float64Array(0)
      const expected = dot(own, w) + (bias?.[expert * n + i] ?? 0)
      worst(
        `expert product ${held}`,
        Math.abs((results[slot * n + i] ?? NaN) - expected),
        bound(caller, held, own, w, sizes[expert * n + i] ?? w) + 2e-7 * Math.abs(expected),
      )
    }
  }
}
