/** Projections, norms and places of heads: what goes into attention. */
import type { AttentionSpec, HeadNormSpec, LatentAttentionSpec, Projection, WeightRef } from '../arch/layer-builder.ts'
import { attend } from './attention-kernel.ts'
import type { Heads, Kernel } from './attention-parts.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { headLayout, isIdentity, orderHeads, orderProjection, paddedSlots } from './head-layout.ts'
import * as ops from './ops.ts'
import { addressOf, linear, norm, ones, project, reshapeRows, scalar, selection, vector } from './products.ts'
import { rowsOf } from './weight-source.ts'

const selfAttentionAt = (layer: number): string => `/model/layers.${layer}/self_attn`

type Normed = { readonly heads: number; readonly headDim: number; readonly slots: readonly number[]; readonly weights: readonly WeightRef[] }

/** Reshape to heads ─ RMS norm ─ Reshape back: WASM knows no norm inside its attention. Padding makes the mean smaller, see `attention`. */
function rmsNormHeads(g: GraphBuilder, x: string, spec: HeadNormSpec, { heads, headDim, slots, weights }: Normed): string {
  const [first] = weights
  if (!first) throw new Error('a norm of heads without weights')
  const path = addressOf(first)
  const width = slots.length
  const isShared = spec.over === 'head' && weights.length === 1 && rowsOf(first) === headDim
  const ordered = weights.map((ref) => orderHeads(ref, slots, rowsOf(ref) / headDim, headDim))
  const weight = vector(g, `${path}.weight`, ordered)
  const epsilon = (spec.epsilon * headDim) / width
  if (spec.over === 'all') return norm(g, path, x, 'rms', weight, epsilon)
  const split = reshapeRows(g, `${path}/Reshape`, x, [heads, width])
  if (isShared) return reshapeRows(g, `${path}/ReshapeBack`, norm(g, path, split, 'rms', weight, epsilon), [heads * width])
  const back = reshapeRows(g, `${path}/ReshapeBack`, norm(g, path, split, 'rms', ones(g, width), epsilon), [heads * width])
  return ops.mul(g, `${path}/Mul`, [back, weight])
}

/** Reshape to heads ─ LayerNorm ─ Mul ─ MatMul with zeros and ones: a mean over padding would be another, so that slots are taken behind it. */
function layerNormHeads(g: GraphBuilder, x: string, spec: HeadNormSpec, { heads, headDim, slots, weights }: Normed): string {
  const [first] = weights
  if (!first) throw new Error('a norm of heads without weights')
  const path = addressOf(first)
  const split = reshapeRows(g, `${path}/Reshape`, x, [heads, headDim])
  const normed = norm(g, path, split, 'layer', ones(g, headDim), spec.epsilon)
  const scaled = ops.mul(g, `${path}/Mul`, [
    normed,
    vector(g, `${path}.weight`, weights, [weights.reduce((sum, ref) => sum + rowsOf(ref), 0) / headDim, headDim]),
  ])
  const placed = isIdentity(slots, headDim) ? scaled : ops.matMul(g, `${path}/Slots`, [scaled, selection(g, slots, headDim)])
  return reshapeRows(g, `${path}/ReshapeBack`, placed, [heads * slots.length])
}

/** q and k with their norms, and what scores are multiplied by then. */
function normedHeads(g: GraphBuilder, x: string, spec: AttentionSpec, headNorm: HeadNormSpec, slots: readonly number[]): Heads & { scale: number } {
  const at = selfAttentionAt(spec.layer)
  const { headDim, numHeads, numKvHeads } = spec
  const isRms = headNorm.kind === 'rms'
  const side = (name: string, projection: Projection, heads: number, weights: readonly WeightRef[]): string => {
    const projected = project(g, `${at}/${name}`, x, [isRms ? orderProjection(projection, slots, heads, headDim) : projection])
    return (isRms ? rmsNormHeads : layerNormHeads)(g, projected, headNorm, { heads, headDim, slots, weights })
  }
  return {
    query: side('q_proj', spec.q, numHeads, headNorm.q),
    key: side('k_proj', spec.k, numKvHeads, headNorm.k),
    value: project(g, `${at}/v_proj`, x, [orderProjection(spec.v, paddedSlots(headDim, slots.length), numKvHeads, headDim)]),
    // A mean of squares over padding is smaller: both sides come out larger by √(width / headDim).
    scale: isRms ? (spec.scale * headDim) / slots.length : spec.scale,
  }
}

/** x ─ q, k, v projections (packed where nothing stands between) ─ [norms] ─ attention */
export function attention(g: GraphBuilder, x: string, spec: AttentionSpec): string {
  const at = selfAttentionAt(spec.layer)
  const { headNorm, numHeads, numKvHeads, headDim, rope } = spec
  const layout = headLayout(headDim, rope)
  const { slots } = layout
  const kernel: Kernel = { ...spec, layout, valueDim: headDim }
  if (!headNorm) {
    const q = orderProjection(spec.q, slots, numHeads, headDim)
    const k = orderProjection(spec.k, slots, numKvHeads, headDim)
    const v = orderProjection(spec.v, paddedSlots(headDim, slots.length), numKvHeads, headDim)
    return attend(g, at, { query: project(g, `${at}/qkv_proj`, x, [q, k, v]), key: '', value: '' }, kernel)
  }
  const { query, key, value, scale } = normedHeads(g, x, spec, headNorm, slots)
  // Scaled here, not in the kernel: ORT's WebGPU optimizer would else fuse norms and attention into a shader of 9 buffers, and 8 are
  // all that every GPU has (onnxruntime 1.30, GroupQueryAttention with q_norm_weight).
  const scaled = ops.mul(g, `${at}/q_proj/Scale`, [query, scalar(g, scale)])
  return attend(g, at, { query: scaled, key, value }, { ...kernel, scale: 1 })
}

/** Rows of a head in kvUp: `plainDim` of the key, then `valueDim`. */
type Unpacked = { readonly keySlots: readonly number[]; readonly valueSlots: readonly number[]; readonly sharedSlots: readonly number[] }

function unpackedSlots({ plainDim, valueDim }: LatentAttentionSpec, slots: readonly number[]): Unpacked {
  return {
    keySlots: slots.map((dim) => (dim < plainDim ? dim : -1)),
    sharedSlots: slots.map((dim) => (dim < plainDim ? -1 : dim - plainDim)),
    valueSlots: paddedSlots(valueDim, slots.length).map((dim) => (dim < 0 ? -1 : plainDim + dim)),
  }
}

/**
 *   x ─┬─ [down ─ norm ─] q ───────────────────────── query
 *      ├─ kvDown ─ norm ─┬─ kvUp ─ own key part ─ add ─ key
 *      │                 └─ kvUp ───────────────────── value
 *      └─ kvDown ─ shared rotated part ─────────┘
 */
export function latentAttention(g: GraphBuilder, x: string, spec: LatentAttentionSpec): string {
  const at = selfAttentionAt(spec.layer)
  const { numHeads, plainDim, rotatedDim, valueDim, keyRank, kvDown, kvUp, epsilon } = spec
  const headDim = plainDim + rotatedDim
  const layout = headLayout(headDim, spec.rope, { rotatedFrom: plainDim, least: valueDim })
  const { slots } = layout
  const { keySlots, sharedSlots, valueSlots } = unpackedSlots(spec, slots)
  const rms = (path: string, y: string, weight: WeightRef): string => norm(g, path, y, 'rms', vector(g, `${path}.weight`, [weight]), epsilon)
  const narrow = spec.down ? rms(addressOf(spec.down.norm), linear(g, x, spec.down.projection), spec.down.norm) : x
  const query = project(g, `${at}/q`, narrow, [orderProjection(spec.q, slots, numHeads, headDim)])
  const part = (start: number, end: number) => ({
    weight: { ...kvDown.weight, rows: { start, end } },
    ...(kvDown.bias ? { bias: { ...kvDown.bias, rows: { start, end } } } : {}),
  })
  const latent = rms(addressOf(spec.kvNorm), project(g, `${at}/kv_down`, x, [part(0, keyRank)]), spec.kvNorm)
  const shared = project(g, `${at}/k_shared`, x, [orderProjection(part(keyRank, keyRank + rotatedDim), sharedSlots, 1, rotatedDim)])
  const up = (name: string, rows: readonly number[]): string =>
    project(g, `${at}/${name}`, latent, [{ weight: orderHeads(kvUp, rows, numHeads, plainDim + valueDim) }])
  const own = reshapeRows(g, `${at}/k/Reshape`, up('k', keySlots), [numHeads, slots.length])
  const key = ops.add(g, `${at}/k/Add`, [own, reshapeRows(g, `${at}/k_shared/Reshape`, shared, [1, slots.length])])
  const heads = { query, key: reshapeRows(g, `${at}/k/ReshapeBack`, key, [numHeads * slots.length]), value: up('v', valueSlots) }
  return attend(g, at, heads, { ...spec, numKvHeads: numHeads, layout, valueDim })
}
