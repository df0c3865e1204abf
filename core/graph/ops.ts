/** One thin function an operator, named as in the operator's specification. Each appends one node and returns the output's name. */
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
export const gelu = single('Gelu', '')
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

/** x · sigmoid(x). */
export const silu = (sink: NodeSink, name: string, x: string): string => quickGeluNode(sink, name, [x], { alpha: { float: 1 } })

/** Int4 weights in symmetric blocks of 32; accuracy level 4 opens the integer dot product. */
export const matMulNBits = (
  sink: NodeSink,
  name: string,
  x: string,
  weight: { readonly values: string; readonly scales: string },
  shape: { readonly rows: number; readonly columns: number; readonly block: number },
): string =>
  matMulNBitsNode(sink, name, [x, weight.values, weight.scales], {
    K: { int: shape.columns },
    N: { int: shape.rows },
    bits: { int: 4 },
    block_size: { int: shape.block },
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
  readonly presentKey: string
  readonly presentValue: string
}
export type GqaAttributes = {
  readonly numHeads: number
  readonly numKvHeads: number
  readonly scale: number
  readonly doRotary: boolean
  readonly interleaved: boolean
  /** -1 sees all. */
  readonly window: number
}

export function groupQueryAttention(sink: NodeSink, name: string, inputs: GqaInputs, attributes: GqaAttributes): string {
  const output = `${name}/output`
  sink.push({
    name,
    op: 'GroupQueryAttention',
    domain: 'com.microsoft',
    inputs: [inputs.query, inputs.key, inputs.value, inputs.pastKey, inputs.pastValue, inputs.seqlens, inputs.total, inputs.cos, inputs.sin],
    outputs: [output, inputs.presentKey, inputs.presentValue],
    attributes: {
      num_heads: { int: attributes.numHeads },
      kv_num_heads: { int: attributes.numKvHeads },
      scale: { float: attributes.scale },
      do_rotary: { int: attributes.doRotary ? 1 : 0 },
      rotary_interleaved: { int: attributes.interleaved ? 1 : 0 },
      local_window_size: { int: attributes.window },
    },
  })
  return output
}

export const castToF32 = (sink: NodeSink, name: string, x: string): string => single('Cast', '')(sink, name, [x], { to: { int: 1 } })
