/** A layer's words (core/arch/layer-builder.ts) as subgraphs. */
import type { AttentionSpec, GatedMlpSpec, LayerBuilder, Projection, RopeSpec, WeightRef } from '../arch/layer-builder.ts'
import { INT4_BLOCK } from '../quant/int4.ts'
import { bytesOf } from '../quant/stored.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { nameOf, pathOf, type GraphBuilder, type Value } from './graph-builder.ts'
import { elementCount } from './onnx.ts'
import * as ops from './ops.ts'
import { rowsOf, type PlannedTensor } from './weight-plan.ts'

/** Names that the runner feeds and fetches. */
export const SEQLENS = 'seqlens_k'
export const TOTAL_LENGTH = 'total_sequence_length'
export const cacheNames = (layer: number) => ({
  pastKey: `past.${layer}.key`,
  pastValue: `past.${layer}.value`,
  presentKey: `present.${layer}.key`,
  presentValue: `present.${layer}.value`,
})

function vector(g: GraphBuilder, name: string, sources: readonly WeightRef[]): string {
  const { floatType } = g.options
  const rows = sources.reduce((sum, ref) => sum + rowsOf(ref), 0)
  const [weight = ''] = g.weight({ recipe: 'vector', sources, floatType, tensors: [{ name, type: floatType, dims: [rows] }] })
  return weight
}

/** x·Wᵀ with the rows of all `sources` behind each other, in the format the options ask for. */
function matrix(g: GraphBuilder, path: string, x: string, sources: readonly WeightRef[]): string {
  const { weightFormat, floatType } = g.options
  const rows = sources.reduce((sum, ref) => sum + rowsOf(ref), 0)
  const columns = elementCount(sources[0]?.shape.slice(1) ?? [])
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
function project(g: GraphBuilder, path: string, x: string, projections: readonly Projection[]): string {
  const product = matrix(
    g,
    path,
    x,
    projections.map((projection) => projection.weight),
  )
  const biases = projections.flatMap((projection) => projection.bias ?? [])
  if (biases.length === 0) return product
  return ops.add(g, `${path}/Add`, [product, vector(g, `${path}.bias`, biases)])
}

function ropeTables(g: GraphBuilder, rope: RopeSpec): { cos: string; sin: string } {
  const { floatType, contextLength } = g.options
  const dims = [contextLength, rope.inverseFrequencies.length]
  // Layers of one rotation share its tables; the name tells rotations apart.
  const key = `${rope.inverseFrequencies.length}.${rope.inverseFrequencies[1] ?? 1}.${rope.inverseFrequencies.at(-1) ?? 1}.${rope.magnitude}`
  const tensors = ['cos', 'sin'].map((table): PlannedTensor => ({ name: `/rope.${key}.${table}`, type: floatType, dims }))
  const [cos = '', sin = ''] = g.weight({ recipe: 'rope', rope, floatType, tensors })
  return { cos, sin }
}

/** Reshape to heads ─ RMS norm ─ Reshape back: WASM knows no norm inside its attention. */
function normHeads(g: GraphBuilder, path: string, x: string, weight: WeightRef, spec: AttentionSpec, heads: number): string {
  const shape = (name: string, dims: readonly number[]): string =>
    g.constant({ name, type: 'int64', dims: [dims.length], inline: bytesOf(BigInt64Array.from(dims, BigInt)) })
  const split = ops.reshape(g, `${path}/Reshape`, [x, shape(`/shape/0.-1.${spec.headDim}`, [0, -1, spec.headDim])])
  const normed = ops.simplifiedLayerNormalization(g, path, split, vector(g, `${path}.weight`, [weight]), spec.headNorm?.epsilon ?? 0)
  return ops.reshape(g, `${path}/ReshapeBack`, [normed, shape(`/shape/0.0.${heads * spec.headDim}`, [0, -1, heads * spec.headDim])])
}

/** @throws {ClusterError} unsupported_model where GroupQueryAttention would refuse or be wrong */
function checkAttention(spec: AttentionSpec): void {
  const refuse = (what: string): never => {
    throw new ClusterError('unsupported_model', `the attention of layer ${spec.layer} cannot run here: ${what}`)
  }
  if (spec.headDim % 8 !== 0) refuse(`a head size of ${spec.headDim} is not a multiple of 8`)
  if (spec.numHeads % spec.numKvHeads !== 0) refuse(`${spec.numHeads} heads over ${spec.numKvHeads} key heads`)
  if (!spec.rope) return
  const pairs = spec.rope.inverseFrequencies.length
  if (spec.headDim % 16 !== 0) refuse(`a rotated head size of ${spec.headDim} is not a multiple of 16`)
  if (pairs % 8 !== 0 || pairs > spec.headDim / 2) refuse(`${pairs} rotated pairs of a head of ${spec.headDim}`)
}

function attentionInputs(g: GraphBuilder, at: string, x: string, spec: AttentionSpec): { query: string; key: string; value: string } {
  const { q, k, v, headNorm } = spec
  const biases = [q, k, v].filter((projection) => projection.bias).length
  if (!headNorm && (biases === 0 || biases === 3)) return { query: project(g, `${at}/qkv_proj`, x, [q, k, v]), key: '', value: '' }
  const [query, key, value] = [q, k, v].map((projection) => project(g, pathOf(projection.weight.tensor), x, [projection]))
  if (query === undefined || key === undefined || value === undefined) throw new Error('three projections')
  if (!headNorm) return { query, key, value }
  return {
    query: normHeads(g, pathOf(headNorm.q.tensor), query, headNorm.q, spec, spec.numHeads),
    key: normHeads(g, pathOf(headNorm.k.tensor), key, headNorm.k, spec, spec.numKvHeads),
    value,
  }
}

/** x ─ packed q,k,v projection ─ GroupQueryAttention(rotary, past → present) ─ heads */
function attention(g: GraphBuilder, x: string, spec: AttentionSpec): string {
  checkAttention(spec)
  const at = `/model/layers.${spec.layer}/self_attn`
  const cache = cacheNames(spec.layer)
  const type = g.options.floatType
  const rotary = spec.rope ? ropeTables(g, spec.rope) : { cos: '', sin: '' }
  g.input({ name: cache.pastKey, type, dims: [1, spec.numKvHeads, 'past', spec.headDim] })
  g.input({ name: cache.pastValue, type, dims: [1, spec.numKvHeads, 'past', spec.headDim] })
  g.output({ name: cache.presentKey, type, dims: [1, spec.numKvHeads, 'present', spec.headDim] })
  g.output({ name: cache.presentValue, type, dims: [1, spec.numKvHeads, 'present', spec.headDim] })
  return ops.groupQueryAttention(
    g,
    `${at}/GroupQueryAttention`,
    { ...attentionInputs(g, at, x, spec), ...cache, ...rotary, seqlens: SEQLENS, total: TOTAL_LENGTH },
    {
      numHeads: spec.numHeads,
      numKvHeads: spec.numKvHeads,
      scale: spec.scale,
      doRotary: spec.rope !== null,
      interleaved: spec.rope?.interleaved ?? false,
      window: spec.window ?? -1,
    },
  )
}

/** x ─┬─ gate ─ activation ─┐
 *     └─ up ────────────── Mul ─ down */
function gatedMlp(g: GraphBuilder, x: string, spec: GatedMlpSpec): string {
  const [gatePath, upPath, downPath] = [spec.gate, spec.up, spec.down].map((projection) => pathOf(projection.weight.tensor))
  if (gatePath === undefined || upPath === undefined || downPath === undefined) throw new Error('three projections')
  const gate = project(g, gatePath, x, [spec.gate])
  const active =
    spec.activation === 'silu'
      ? ops.silu(g, `${gatePath}/Silu`, gate)
      : ops.gelu(g, `${gatePath}/Gelu`, [gate], { approximate: { text: spec.activation === 'gelu' ? 'none' : 'tanh' } })
  const gated = ops.mul(g, `${gatePath}/Mul`, [active, project(g, upPath, x, [spec.up])])
  return project(g, downPath, gated, [spec.down])
}

/** The words over one growing graph. */
export function graphWords(g: GraphBuilder): LayerBuilder<Value> {
  let sums = 0
  return {
    rmsNorm: (x, weight, epsilon) => {
      const path = pathOf(weight.tensor)
      const gamma = vector(g, `${path}.weight`, [weight])
      if ('sum' in x && x.materialized === null) {
        const [input, skip] = x.sum
        x.materialized = `${path}/sum`
        return { name: ops.skipSimplifiedLayerNormalization(g, path, { input, skip, weight: gamma, epsilon, sum: x.materialized }) }
      }
      return { name: ops.simplifiedLayerNormalization(g, path, nameOf(g, x), gamma, epsilon) }
    },
    linear: (x, projection) => ({ name: project(g, pathOf(projection.weight.tensor), nameOf(g, x), [projection]) }),
    attention: (x, spec) => ({ name: attention(g, nameOf(g, x), spec) }),
    gatedMlp: (x, spec) => ({ name: gatedMlp(g, nameOf(g, x), spec) }),
    add: (a, b) => ({ sum: [nameOf(g, a), nameOf(g, b)], at: `/residual.${sums++}`, materialized: null }),
    scale: (x, factor) => {
      const type = g.options.floatType
      const bytes = type === 'f32' ? bytesOf(Float32Array.of(factor)) : null
      if (!bytes) throw new ClusterError('unsupported_backend', 'scaling is composed in f32 graphs only')
      const name = nameOf(g, x)
      return { name: ops.mul(g, `${name}/scaled`, [name, g.constant({ name: `/scale.${factor}`, type, dims: [], inline: bytes })]) }
    },
  }
}
