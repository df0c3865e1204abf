/** Weights, constants and products: what every block is made of. */
import type { HeadNormSpec, Projection, WeightRef } from '../arch/layer-builder.ts'
import { f32ToF16Array } from '../quant/float16.ts'
import { INT4_BLOCK } from '../quant/int4.ts'
import { bytesOf } from '../quant/stored.ts'
import { pathOf, type GraphBuilder } from './graph-builder.ts'
import * as ops from './ops.ts'
import type { PlannedTensor } from './weight-plan.ts'
import { columnsOf, rowsOf } from './weight-source.ts'

/** Address of what a reference names, apart for the parts of one tensor. */
export function addressOf({ tensor, item, rows }: WeightRef): string {
  const stack = tensor.replace(/_blocks$/, '')
  return `${pathOf(stack)}${item === undefined ? '' : `/${item}`}${rows ? `/${rows.start}` : ''}`
}

/** All sources behind each other. @param dims of the initializer where it is not a vector */
export function vector(g: GraphBuilder, name: string, sources: readonly WeightRef[], dims?: readonly number[]): string {
  const { floatType } = g.options
  const rows = sources.reduce((sum, ref) => sum + rowsOf(ref), 0)
  const [weight = ''] = g.weight({ recipe: 'vector', sources, floatType, tensors: [{ name, type: floatType, dims: dims ?? [rows] }] })
  return weight
}

/** A constant scalar in the graph's float type. */
export function scalar(g: GraphBuilder, value: number): string {
  const type = g.options.floatType
  const values = Float32Array.of(value)
  return g.constant({ name: `/scalar.${value}`, type, dims: [], inline: bytesOf(type === 'f16' ? f32ToF16Array(values) : values) })
}

/** A constant vector of ones in the graph's float type. */
export function ones(g: GraphBuilder, count: number): string {
  const type = g.options.floatType
  const values = new Float32Array(count).fill(1)
  return g.constant({ name: `/ones.${count}`, type, dims: [count], inline: bytesOf(type === 'f16' ? f32ToF16Array(values) : values) })
}

/** A constant matrix [dims, slots] of zeros and ones: x · matrix has dimension slots[i] in column i, or zero for -1. */
export function selection(g: GraphBuilder, slots: readonly number[], dims: number): string {
  const type = g.options.floatType
  const values = new Float32Array(dims * slots.length)
  for (const [slot, dim] of slots.entries()) if (dim >= 0) values[dim * slots.length + slot] = 1
  const inline = bytesOf(type === 'f16' ? f32ToF16Array(values) : values)
  return g.constant({ name: `/selection.${slots.join('.')}`, type, dims: [dims, slots.length], inline })
}

/** A constant list of shapes, axes or bounds. */
export const integers = (g: GraphBuilder, values: readonly number[]): string =>
  g.constant({ name: `/integers.${values.join('.')}`, type: 'int64', dims: [values.length], inline: bytesOf(BigInt64Array.from(values, BigInt)) })

/** [1, tokens, …] with other dimensions behind the tokens. */
export const reshapeRows = (g: GraphBuilder, name: string, x: string, dims: readonly number[]): string =>
  ops.reshape(g, name, [x, integers(g, [0, -1, ...dims])])

/** Elements [start, end) of the last axis. */
export const sliceColumns = (g: GraphBuilder, name: string, x: string, start: number, end: number): string =>
  ops.slice(g, name, [x, integers(g, [start]), integers(g, [end]), integers(g, [-1])])

/** x·Wᵀ with the rows of all `sources` behind each other, in the format the options ask for. */
function matrix(g: GraphBuilder, path: string, x: string, sources: readonly WeightRef[]): string {
  const { weightFormat, floatType } = g.options
  const [first] = sources
  if (!first) throw new Error(`no weights at ${path}`)
  const rows = sources.reduce((sum, ref) => sum + rowsOf(ref), 0)
  const columns = columnsOf(first)
  const tensor = (suffix: string, type: PlannedTensor['type'], dims: readonly number[]): PlannedTensor => ({ name: `${path}.${suffix}`, type, dims })
  switch (weightFormat) {
    case 'f32':
    case 'f16': {
      const [weight = ''] = g.weight({ recipe: 'transposed', sources, floatType, tensors: [tensor('weight', floatType, [columns, rows])] })
      return ops.matMul(g, `${path}/MatMul`, [x, weight])
    }
    case 'int8': {
      const tensors = [tensor('int8', 'int8', [columns, rows]), tensor('scales', 'f32', [rows])]
      const [values = '', scales = ''] = g.weight({ recipe: 'int8-columns', sources, floatType, tensors })
      return ops.dynamicQuantizeMatMul(g, `${path}/DynamicQuantizeMatMul`, x, { values, scales })
    }
    case 'int4': {
      const blocks = Math.ceil(columns / INT4_BLOCK)
      const tensors = [tensor('int4', 'uint8', [rows, blocks, INT4_BLOCK / 2]), tensor('scales', floatType, [rows, blocks])]
      const [values = '', scales = ''] = g.weight({ recipe: 'int4-blocks', sources, floatType, tensors })
      return ops.matMulNBits(g, `${path}/MatMulNBits`, x, { values, scales }, { rows, columns, block: INT4_BLOCK })
    }
  }
}

/** One product for several projections of the same input, biases included where all have one. */
export function project(g: GraphBuilder, path: string, x: string, projections: readonly Projection[]): string {
  const product = matrix(
    g,
    path,
    x,
    projections.map((projection) => projection.weight),
  )
  const biases = projections.flatMap((projection) => projection.bias ?? [])
  if (biases.length === 0) return product
  if (biases.length < projections.length) throw new Error(`some of the projections at ${path} have a bias and some have none`)
  return ops.add(g, `${path}/Add`, [product, vector(g, `${path}.bias`, biases)])
}

export const linear = (g: GraphBuilder, x: string, projection: Projection): string => project(g, addressOf(projection.weight), x, [projection])

/** Norm over the last axis. */
export function norm(g: GraphBuilder, path: string, x: string, kind: HeadNormSpec['kind'], weight: string, epsilon: number): string {
  if (kind === 'rms') return ops.simplifiedLayerNormalization(g, path, x, weight, epsilon)
  return ops.layerNormalization(g, path, [x, weight], { axis: { int: -1 }, epsilon: { float: epsilon } })
}
