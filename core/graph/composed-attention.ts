/** Attention from standard operators, over the same cache as GroupQueryAttention: [1, key heads, longest, width], new rows written in place. */
import type { Heads, Kernel, KernelInputs } from './attention-parts.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { bytesOf } from '../quant/stored.ts'
import * as ops from './ops.ts'
import { integers, reshapeRows, scalar, sliceColumns } from './products.ts'
import { rowsInput, spanInput } from './span-inputs.ts'

/** Far below any score, and within f16. */
const UNSEEN = -30_000
/** [1, tokens, heads, width] and [1, heads, tokens, width]: each is the other with these axes swapped. */
const SWAP = { perm: { ints: [0, 2, 1, 3] } }

const int32 = (g: GraphBuilder, ...values: number[]): string =>
  g.constant({ name: `/int32s.${values.join('.')}`, type: 'int32', dims: [values.length], inline: bytesOf(Int32Array.from(values)) })

/** Three columns of heads, where they came packed. */
function unpacked(g: GraphBuilder, { query, key, value }: Heads, { numHeads, numKvHeads, layout }: Kernel, at: string): Heads {
  if (key !== '') return { query, key, value }
  const [q, kv] = [numHeads * layout.slots.length, numKvHeads * layout.slots.length]
  const part = (name: string, start: number, end: number): string => sliceColumns(g, `${at}/qkv/${name}/Slice`, query, start, end)
  return { query: part('q', 0, q), key: part('k', q, q + kv), value: part('v', q + kv, q + 2 * kv) }
}

/**
 *   [1, tokens, heads · width] ─ RotaryEmbedding ─ Reshape ─ Transpose ─ [1, heads, tokens, width]
 */
function placed(g: GraphBuilder, path: string, x: string, heads: number, { layout }: Kernel, rotary: KernelInputs['rotary'] | null): string {
  const turned =
    rotary && rotary.cos !== ''
      ? ops.rotaryEmbedding(g, `${path}/RotaryEmbedding`, [x, spanInput(g, 'position'), rotary.cos, rotary.sin], heads, 2 * layout.pairs)
      : x
  return ops.transpose(g, `${path}/Transpose`, [reshapeRows(g, `${path}/Reshape`, turned, [heads, layout.slots.length])], SWAP)
}

/** Rows of the cache up to the last new one. The cache is longer: what lies behind is of no token yet. */
function cached(g: GraphBuilder, path: string, rows: string, heads: number, { past, present }: KernelInputs['key']): string {
  ops.scatterNdInto(g, `${path}/ScatterND`, [past, rowsInput(g, heads), rows], present)
  return ops.slice(g, `${path}/Slice`, [present, int32(g, 0), spanInput(g, 'total'), int32(g, 2)])
}

/** [tokens, total]: zero where a token sees a row, else far below any score. Layers of one window share it. */
function mask(g: GraphBuilder, window: number | null): string {
  const { contextLength } = g.options
  return g.shared(`/mask.${window ?? 'all'}`, (path) => {
    const inline = bytesOf(Float32Array.from({ length: contextLength }, (_, i) => i))
    const every = g.constant({ name: '/positions', type: 'f32', dims: [contextLength], inline })
    const keys = g.shared('/positions/Slice', (name) => ops.slice(g, name, [every, int32(g, 0), spanInput(g, 'total'), int32(g, 0)]))
    const own = spanInput(g, 'positions')
    const past = ops.where(g, `${path}/Where`, [ops.greaterOrEqual(g, `${path}/GreaterOrEqual`, [own, keys]), scalar(g, 0), scalar(g, UNSEEN)])
    if (window === null) return past
    const size = g.constant({ name: `/window.${window}`, type: 'f32', dims: [], inline: bytesOf(Float32Array.of(window)) })
    const first = ops.sub(g, `${path}/first/Sub`, [own, size])
    return ops.where(g, `${path}/first/Where`, [ops.greater(g, `${path}/first/Greater`, [keys, first]), past, scalar(g, UNSEEN)])
  })
}

/** Softmax over the last axis; a sink [heads] takes its part and gives nothing. */
function weights(g: GraphBuilder, path: string, scores: string, sinks: string): string {
  if (sinks === '') return ops.softmax(g, `${path}/Softmax`, [scores], { axis: { int: -1 } })
  const last = integers(g, [-1])
  const sink = ops.reshape(g, `${path}/sinks/Reshape`, [sinks, integers(g, [1, -1, 1, 1])])
  const highest = ops.reduceMax(g, `${path}/ReduceMax`, [scores, last], { keepdims: { int: 1 } })
  const most = ops.where(g, `${path}/Where`, [ops.greater(g, `${path}/Greater`, [highest, sink]), highest, sink])
  const powers = ops.exp(g, `${path}/Exp`, [ops.sub(g, `${path}/Sub`, [scores, most])])
  const sum = ops.reduceSum(g, `${path}/ReduceSum`, [powers, last], { keepdims: { int: 1 } })
  const sinkPower = ops.exp(g, `${path}/sinks/Exp`, [ops.sub(g, `${path}/sinks/Sub`, [sink, most])])
  return ops.div(g, `${path}/Div`, [powers, ops.add(g, `${path}/Add`, [sum, sinkPower])])
}

/**
 *   q ─ rotation ─ scale ─ MatMul(k) ─ softcap ─ Add(mask) ─ softmax ─ MatMul(v) ─ heads
 *   k ─ rotation ─ cache ─────┘         v ─ cache ─────────────────────────┘
 * Heads of a group lie behind each other in the rows of one product: [1, key heads, group · tokens, …].
 */
export function composedAttention(g: GraphBuilder, heads: Heads, kernel: Kernel, inputs: KernelInputs): string {
  const { numHeads, numKvHeads, scale, softcap = 0, window, layout } = kernel
  const { at, rotary, sinks } = inputs
  const width = layout.slots.length
  const { query, key, value } = unpacked(g, heads, kernel, at)
  const keys = cached(g, `${at}/k`, placed(g, `${at}/k`, key, numKvHeads, kernel, rotary), numKvHeads, inputs.key)
  const values = cached(g, `${at}/v`, placed(g, `${at}/v`, value, numKvHeads, kernel, null), numKvHeads, inputs.value)
  const shape = (name: string, x: string, dims: readonly number[]): string => ops.reshape(g, `${at}/${name}/Reshape`, [x, integers(g, dims)])
  const scaled = ops.mul(g, `${at}/q/Scale`, [placed(g, `${at}/q`, query, numHeads, kernel, rotary), scalar(g, scale)])
  const turned = ops.transpose(g, `${at}/k/turned/Transpose`, [keys], { perm: { ints: [0, 1, 3, 2] } })
  const products = ops.matMul(g, `${at}/scores/MatMul`, [shape('q/groups', scaled, [1, numKvHeads, -1, width]), turned])
  let scores = shape('scores', products, [1, numHeads, -1, 0])
  if (softcap !== 0) {
    const bounded = ops.tanh(g, `${at}/softcap/Tanh`, [ops.div(g, `${at}/softcap/Div`, [scores, scalar(g, softcap)])])
    scores = ops.mul(g, `${at}/softcap/Mul`, [bounded, scalar(g, softcap)])
  }
  const masked = ops.add(g, `${at}/mask/Add`, [scores, mask(g, window)])
  const grouped = shape('weights', weights(g, `${at}/weights`, masked, sinks), [1, numKvHeads, -1, 0])
  const attended = shape('heads/tokens', ops.matMul(g, `${at}/values/MatMul`, [grouped, values]), [1, numHeads, -1, width])
  return reshapeRows(g, `${at}/heads/joined`, ops.transpose(g, `${at}/heads/Transpose`, [attended], SWAP), [numHeads * width])
}
