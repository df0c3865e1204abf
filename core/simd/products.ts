/** Weights and products: what every word of a layer is made of. */
import type { Projection, WeightRef } from '../arch/layer-builder.ts'
import { checkStored, columnsOf, rowsOf } from '../graph/weight-source.ts'
import type { TensorIndex } from '../model/safetensors.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { BLOCK, BLOCK_BYTES, ORDER_NATURAL, ORDER_NIBBLES } from '../../kernels/opcodes.ts'
import { elementBytes, HELD_CODES, heldAs, isInteger, isNibbles, scaleBytes, scalesAt, type HeldWeight, type MatrixForm } from './held-matrix.ts'
import { at, start, strideOf, type Buffer, type Operand, type ProgramBuilder, type Value } from './program.ts'

export type Emitter = {
  readonly program: ProgramBuilder
  readonly tensors: TensorIndex
  readonly weightFormat: WeightFormat
  readonly contextLength: number
  /** Integer activations of a value, so that several products of it share them. */
  readonly quantized: Map<Value, Map<number, Buffer>>
}

const NONE = 0

/** All sources behind each other, in f32. */
export function vector({ program, tensors }: Emitter, sources: readonly WeightRef[]): Operand {
  for (const ref of sources) checkStored(tensors, ref)
  const columns = sources.reduce((sum, ref) => sum + rowsOf(ref) * columnsOf(ref), 0)
  return { weight: program.weight({ held: 'vector', sources, rows: 1, columns }), offset: 0 }
}

/** Of a stack whose matrices are not stored alike. */
const PLAIN: Readonly<Record<WeightFormat, MatrixForm>> = { f32: 'f32', f16: 'f16', int8: 'int8-rows', int4: 'int4-blocks' }

type Matrix = { readonly weight: HeldWeight<MatrixForm>; readonly values: Operand; readonly scales: Operand }

/** @param sources equal matrices, behind each other */
export function matrix({ program, tensors, weightFormat }: Emitter, sources: readonly WeightRef[], held?: MatrixForm): Matrix {
  for (const ref of sources) checkStored(tensors, ref)
  const [first] = sources
  if (!first) throw new Error('a matrix without sources')
  const forms = new Set(sources.map((ref) => heldAs(weightFormat, ref, tensors)))
  const form = forms.size === 1 ? heldAs(weightFormat, first, tensors) : PLAIN[weightFormat]
  const rows = sources.reduce((sum, ref) => sum + rowsOf(ref), 0)
  const weight: HeldWeight<MatrixForm> = { held: held ?? form, sources, rows, columns: columnsOf(first) }
  const index = program.weight(weight)
  return { weight, values: { weight: index, offset: 0 }, scales: isInteger(weight.held) ? { weight: index, offset: scalesAt(weight) } : NONE }
}

const quantizedBytes = (width: number): number => Math.ceil(width / BLOCK) * BLOCK_BYTES + 16

/** The operand that a product of `held` reads, with its stride. */
function input(e: Emitter, x: Value, held: MatrixForm): { readonly x: Operand; readonly xStride: number; readonly buffer: Buffer } {
  if (!isInteger(held)) return { x: at(x), xStride: strideOf(x.width), buffer: x.buffer }
  const order = isNibbles(held) ? ORDER_NIBBLES : ORDER_NATURAL
  const known = e.quantized.get(x) ?? new Map<number, Buffer>()
  e.quantized.set(x, known)
  const yStride = quantizedBytes(x.width)
  let buffer = known.get(order)
  if (!buffer) {
    buffer = e.program.buffer(yStride * x.repeat)
    known.set(order, buffer)
    const words = { x: at(x), xStride: strideOf(x.width), k: x.width, repeat: x.repeat, order, y: start(buffer), yStride }
    e.program.emit('quantize', words, { reads: [x.buffer], writes: [buffer] })
  }
  return { x: start(buffer), xStride: yStride, buffer }
}

/** x·Wᵀ + b. @param held fixes the form of the matrix, whatever the format */
export function linear(e: Emitter, x: Value, { weight, bias }: Projection, held?: MatrixForm): Value {
  const { weight: own, values, scales } = matrix(e, [weight], held)
  const from = input(e, x, own.held)
  const y = e.program.value(own.rows)
  e.program.emit(
    'product',
    {
      held: HELD_CODES[own.held],
      x: from.x,
      xStride: from.xStride,
      weight: values,
      scales,
      n: own.rows,
      k: own.columns,
      bias: bias ? vector(e, [bias]) : NONE,
      y: at(y),
      yStride: strideOf(own.rows),
    },
    { reads: [from.buffer], writes: [y.buffer] },
  )
  return y
}

export type Choice = { readonly ids: Buffer; readonly weights: Buffer; readonly chosen: number; readonly experts: number }

/** Each slot of a token through the expert it chose. @param x a row a token, or a row a slot */
export function expertLinear(e: Emitter, x: Value, projections: readonly Projection[], choice: Choice): Value {
  const { chosen, experts } = choice
  const {
    weight: own,
    values,
    scales,
  } = matrix(
    e,
    projections.map(({ weight }) => weight),
  )
  const biases = projections.flatMap(({ bias }) => bias ?? [])
  const rows = own.rows / experts
  const from = input(e, x, own.held)
  const y = e.program.value(rows, chosen)
  e.program.emit(
    'expertProduct',
    {
      held: HELD_CODES[own.held],
      x: from.x,
      xStride: from.xStride,
      weight: values,
      scales,
      n: rows,
      k: own.columns,
      bias: biases.length > 0 ? vector(e, biases) : NONE,
      y: at(y),
      yStride: strideOf(rows),
      choice: start(choice.ids),
      chosen,
      experts,
      fromSlots: x.repeat > 1 ? 1 : 0,
      matrixBytes: elementBytes(own.held, rows, own.columns),
      scaleBytes: scaleBytes(own.held, rows, own.columns),
    },
    { reads: [from.buffer, choice.ids], writes: [y.buffer] },
  )
  return y
}
