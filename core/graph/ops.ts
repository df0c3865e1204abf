/** One thin function an operator, named as in the operator's specification. Each appends one node and returns the output's name. */
import type { BlockShape } from '../quant/integer-blocks.ts'
import type { GraphNode } from './onnx.ts'

export type NodeSink = { readonly push: (node: GraphNode) => void }
type Domain = GraphNode['domain']

const single =
  (op: string, domain: Domain) =>
  (sink: NodeSink, name: string, inputs: readonly string[], attributes: GraphNode['attributes'] = {}): string => {
    const output = `${name}/output`
    sink.push({ name, op, domain, inputs, outputs: [output], attributes })
    return output
  }

export const add = single('Add', '')
export const mul = single('Mul', '')
export const relu = single('Relu', '')
export const gelu = single('Gelu', '')
export const sub = single('Sub', '')
export const div = single('Div', '')
export const exp = single('Exp', '')
export const tanh = single('Tanh', '')
export const sigmoid = single('Sigmoid', '')
/** Over the last axis unless `axis` says otherwise. */
export const softmax = single('Softmax', '')
/** x, least, most: scalars; an empty name is no bound. */
export const clip = single('Clip', '')
export const greater = single('Greater', '')
export const greaterOrEqual = single('GreaterOrEqual', '')
/** Condition, where true, where false. */
export const where = single('Where', '')
/** x, axes. */
export const reduceSum = single('ReduceSum', '')
export const reduceMax = single('ReduceMax', '')
export const concat = single('Concat', '')
export const transpose = single('Transpose', '')
export const conv = single('Conv', '')
/** x, starts, ends, axes. */
export const slice = single('Slice', '')
export const layerNormalization = single('LayerNormalization', '')
export const matMul = single('MatMul', '')
export const reshape = single('Reshape', '')
/** Despite its name in the standard domain: ORT registers it there. */
const simplifiedLayerNorm = single('SimplifiedLayerNormalization', '')
const quickGeluNode = single('QuickGelu', 'com.microsoft')
const matMulNBitsNode = single('MatMulNBits', 'com.microsoft')
const dynamicQuantizeMatMulNode = single('DynamicQuantizeMatMul', 'com.microsoft')

/** y = x · w / sqrt(mean(x²) + epsilon) over the last axis. */
export const simplifiedLayerNormalization = (sink: NodeSink, name: string, x: string, weight: string, epsilon: number): string =>
  simplifiedLayerNorm(sink, name, [x, weight], { axis: { int: -1 }, epsilon: { float: epsilon }, stash_type: { int: 1 } })

/** The same over input + skip; also gives the sum. */
export function skipSimplifiedLayerNormalization(
  sink: NodeSink,
  name: string,
  inputs: { readonly input: string; readonly skip: string; readonly weight: string; readonly epsilon: number; readonly sum: string },
): string {
  const output = `${name}/output`
  sink.push({
    name,
    op: 'SkipSimplifiedLayerNormalization',
    domain: 'com.microsoft',
    inputs: [inputs.input, inputs.skip, inputs.weight],
    outputs: [output, '', '', inputs.sum],
    attributes: { epsilon: { float: inputs.epsilon } },
  })
  return output
}

/** x · sigmoid(alpha · x); alpha 1 is SiLU. */
export const quickGelu = (sink: NodeSink, name: string, x: string, alpha: number): string =>
  quickGeluNode(sink, name, [x], { alpha: { float: alpha } })

/** Equal parts of the last axis. */
export function split(sink: NodeSink, name: string, x: string, parts: number): readonly string[] {
  const outputs = Array.from({ length: parts }, (_, part) => `${name}/output.${part}`)
  sink.push({ name, op: 'Split', domain: '', inputs: [x], outputs, attributes: { axis: { int: -1 }, num_outputs: { int: parts } } })
  return outputs
}

/** The largest values of the last axis, falling; `count` is a constant [1]. */
export function topKValues(sink: NodeSink, name: string, x: string, count: string): string {
  const values = `${name}/values`
  sink.push({ name, op: 'TopK', domain: '', inputs: [x, count], outputs: [values, `${name}/indices`], attributes: { axis: { int: -1 } } })
  return values
}

/** Writes an output under a name of its own. */
export const sliceInto = (sink: NodeSink, name: string, inputs: readonly string[], output: string): void =>
  sink.push({ name, op: 'Slice', domain: '', inputs, outputs: [output], attributes: {} })

/** data, indices, updates: data with rows replaced. Where data and output are one buffer, only these rows are written. */
export const scatterNdInto = (sink: NodeSink, name: string, inputs: readonly string[], output: string): void =>
  sink.push({ name, op: 'ScatterND', domain: '', inputs, outputs: [output], attributes: {} })

/** x [1, tokens, heads · width], first position [1], cos and sin. @param dims that rotate of each head: halves of them with each other */
export const rotaryEmbedding = (sink: NodeSink, name: string, inputs: readonly string[], heads: number, dims: number): string =>
  single('RotaryEmbedding', 'com.microsoft')(sink, name, inputs, { num_heads: { int: heads }, rotary_embedding_dim: { int: dims } })

/** Weights of 4 or 8 bits in symmetric blocks; accuracy level 4 opens the integer dot product. */
export const matMulNBits = (
  sink: NodeSink,
  name: string,
  x: string,
  weight: { readonly values: string; readonly scales: string },
  shape: BlockShape & { readonly rows: number; readonly columns: number },
): string =>
  matMulNBitsNode(sink, name, [x, weight.values, weight.scales], {
    K: { int: shape.columns },
    N: { int: shape.rows },
    bits: { int: shape.bits },
    block_size: { int: shape.size },
    accuracy_level: { int: 4 },
  })

/** Int8 weights [in, out] with one scale a column; activations are quantized to uint8 per call. */
export const dynamicQuantizeMatMul = (
  sink: NodeSink,
  name: string,
  x: string,
  weight: { readonly values: string; readonly scales: string },
): string => dynamicQuantizeMatMulNode(sink, name, [x, weight.values, weight.scales])

export type GqaInputs = {
  /** Packed [q heads, k heads, v heads] when key and value are empty names. */
  readonly query: string
  readonly key: string
  readonly value: string
  readonly pastKey: string
  readonly pastValue: string
  readonly seqlens: string
  readonly total: string
  /** Empty names without rotation. */
  readonly cos: string
  readonly sin: string
  /** Empty name without. */
  readonly sinks: string
  readonly presentKey: string
  readonly presentValue: string
}
export type GqaAttributes = {
  readonly numHeads: number
  readonly numKvHeads: number
  readonly scale: number
  readonly doRotary: boolean
  /** 0 leaves scores as they are. The WebGPU kernel does so for any value. */
  readonly softcap: number
  /** -1 sees all. */
  readonly window: number
}

export function groupQueryAttention(sink: NodeSink, name: string, inputs: GqaInputs, attributes: GqaAttributes): string {
  const output = `${name}/output`
  const { query, key, value, pastKey, pastValue, seqlens, total, cos, sin } = inputs
  const plain = [query, key, value, pastKey, pastValue, seqlens, total, cos, sin]
  sink.push({
    name,
    op: 'GroupQueryAttention',
    domain: 'com.microsoft',
    inputs: inputs.sinks === '' ? plain : [...plain, '', '', inputs.sinks],
    outputs: [output, inputs.presentKey, inputs.presentValue],
    attributes: {
      num_heads: { int: attributes.numHeads },
      kv_num_heads: { int: attributes.numKvHeads },
      scale: { float: attributes.scale },
      do_rotary: { int: attributes.doRotary ? 1 : 0 },
      local_window_size: { int: attributes.window },
      ...(attributes.softcap === 0 ? {} : { softcap: { float: attributes.softcap } }),
    },
  })
  return output
}

export const castToF32 = (sink: NodeSink, name: string, x: string): string => single('Cast', '')(sink, name, [x], { to: { int: 1 } })
