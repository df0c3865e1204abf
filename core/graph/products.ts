/** Weights, constants and products: what every block is made of. */
import type { HeadNormSpec, Projection, WeightRef } from '../arch/layer-builder.ts'
import { f32ToF16Array } from '../quant/float16.ts'
import { blockBytes, blocksOfRow } from '../quant/integer-blocks.ts'
import { bytesOf } from '../quant/stored.ts'
import { blockFormOf, type BlockForm } from './block-form.ts'
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

const rowsOfAll = (sources: readonly WeightRef[]): number => sources.reduce((sum, ref) => sum + rowsOf(ref), 0)

/** x·Wᵀ with the rows of all `sources` behind each other, in one format. */
function matrixInFormat(g: GraphBuilder, path: string, x: string, sources: readonly WeightRef[], columns: number): string {
  const { weightFormat, floatType } = g.options
  const rows = rowsOfAll(sources)
  if (weightFormat !== 'int8') {
    const tensor: PlannedTensor = { name: `${path}.weight`, type: floatType, dims: [columns, rows] }
    const [weight = ''] = g.weight({ recipe: 'transposed', sources, floatType, tensors: [tensor] })
    return ops.matMul(g, `${path}/MatMul`, [x, weight])
  }
  const tensors: PlannedTensor[] = [
    { name: `${path}.int8`, type: 'int8', dims: [columns, rows] },
    { name: `${path}.scales`, type: 'f32', dims: [rows] },
  ]
  const [values = '', scales = ''] = g.weight({ recipe: 'int8-columns', sources, floatType, tensors })
  return ops.dynamicQuantizeMatMul(g, `${path}/DynamicQuantizeMatMul`, x, { values, scales })
}

/** The same in blocks of integers of one form. */
function matrixInBlocks(g: GraphBuilder, path: string, x: string, { sources, form }: FormedSources, columns: number): string {
  const { floatType } = g.options
  const rows = rowsOfAll(sources)
  const blocks = blocksOfRow(columns, form)
  const tensors: PlannedTensor[] = [
    { name: `${path}.int${form.bits}`, type: 'uint8', dims: [rows, blocks, blockBytes(form)] },
    { name: `${path}.scales`, type: floatType, dims: [rows, blocks] },
  ]
  const [values = '', scales = ''] = g.weight({ recipe: 'blocks', form, sources, floatType, tensors })
  return ops.matMulNBits(g, `${path}/MatMulNBits`, x, { values, scales }, { rows, columns, ...form })
}

/** Neighbours that are stored and held alike. */
type FormedSources = { readonly sources: readonly WeightRef[]; readonly form: BlockForm }

function groupByForm(g: GraphBuilder, sources: readonly WeightRef[], format: 'int8' | 'int4'): readonly FormedSources[] {
  const groups: { key: string; sources: WeightRef[]; form: BlockForm }[] = []
  for (const ref of sources) {
    const form = blockFormOf(ref, g.tensors, format)
    const key = JSON.stringify([form, g.tensors.get(ref.tensor)?.type])
    const last = groups.at(-1)
    if (last?.key === key) last.sources.push(ref)
    else groups.push({ key, sources: [ref], form })
  }
  return groups
}

/** x·Wᵀ with the rows of all `sources` behind each other, as the options ask; a file that mixes types may take several products. */
function matrix(g: GraphBuilder, path: string, x: string, sources: readonly WeightRef[]): string {
  const { weightFormat, backend } = g.options
  const [first] = sources
  if (!first) throw new Error(`no weights at ${path}`)
  const columns = columnsOf(first)
  const readsBlocks = backend === 'webgpu' && (weightFormat === 'int8' || weightFormat === 'int4')
  if (!readsBlocks) return matrixInFormat(g, path, x, sources, columns)
  const groups = groupByForm(g, sources, weightFormat)
  const products = groups.map((group, i) => matrixInBlocks(g, groups.length === 1 ? path : `${path}/${i}`, x, group, columns))
  const [only = ''] = products
  return products.length === 1 ? only : ops.concat(g, `${path}/Concat`, products, { axis: { int: -1 } })
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
