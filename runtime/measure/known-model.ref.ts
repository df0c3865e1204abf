/** The known model in f64, step by step: what `known-logits.json` was made with. */
import { KNOWN, knownTensors } from './known-model.ts'

type Row = readonly number[]
const dot = (a: Row, b: Row): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
const add = (a: Row, b: Row): Row => a.map((value, i) => value + (b[i] ?? 0))

/** @returns logits behind the last of the ids */
export function knownLogits(ids: readonly number[]): Row {
  const { hidden, heads, kvHeads, headDim, epsilon, ropeTheta } = KNOWN
  const tensors = knownTensors()
  const valuesOf = (name: string): number[] => [...(tensors.get(name)?.values ?? [])]
  const rowsOf = (name: string): Row[] => {
    const [values, width] = [valuesOf(name), tensors.get(name)?.shape[1] ?? 1]
    return Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width))
  }
  const linear = (x: Row, name: string): Row => rowsOf(name).map((row) => dot(x, row))
  const norm = (x: Row, name: string): Row => {
    const [weight, scale] = [valuesOf(name), 1 / Math.sqrt(dot(x, x) / x.length + epsilon)]
    return x.map((value, i) => value * scale * (weight[i] ?? 0))
  }
  const headsOf = (x: Row): Row[] => Array.from({ length: x.length / headDim }, (_, head) => x.slice(head * headDim, (head + 1) * headDim))
  const rotate = (x: Row, position: number): Row =>
    x.map((value, i) => {
      const [half, pair] = [headDim / 2, i % (headDim / 2)]
      const angle = position * ropeTheta ** (-pair / half)
      return value * Math.cos(angle) + (i < half ? -(x[i + half] ?? 0) : (x[i - half] ?? 0)) * Math.sin(angle)
    })
  const layer = 'model.layers.0'
  const embedded = ids.map((id) => rowsOf('model.embed_tokens.weight')[id] ?? [])
  const normed = embedded.map((x) => norm(x, `${layer}.input_layernorm.weight`))
  const turned = (x: Row, name: 'q' | 'k', position: number): Row[] =>
    headsOf(linear(x, `${layer}.self_attn.${name}_proj.weight`)).map((head) => rotate(norm(head, `${layer}.self_attn.${name}_norm.weight`), position))
  const keys = normed.map((x, position) => turned(x, 'k', position))
  const values = normed.map((x) => headsOf(linear(x, `${layer}.self_attn.v_proj.weight`)))
  const last = ids.length - 1
  const attended = turned(normed[last] ?? [], 'q', last).flatMap((query, head) => {
    const kvHead = Math.floor(head / (heads / kvHeads))
    const scores = keys.map((key) => dot(query, key[kvHead] ?? []) / Math.sqrt(headDim))
    const most = Math.max(...scores)
    const weights = scores.map((score) => Math.exp(score - most))
    const total = weights.reduce((a, b) => a + b, 0)
    return Array.from({ length: headDim }, (_, i) => weights.reduce((sum, weight, t) => sum + weight * (values[t]?.[kvHead]?.[i] ?? 0), 0) / total)
  })
  const middle = add(embedded[last] ?? [], linear(attended, `${layer}.self_attn.o_proj.weight`))
  const x = norm(middle, `${layer}.post_attention_layernorm.weight`)
  const up = linear(x, `${layer}.mlp.up_proj.weight`)
  const gated = linear(x, `${layer}.mlp.gate_proj.weight`).map((gate, i) => (gate / (1 + Math.exp(-gate))) * (up[i] ?? 0))
  const output = add(middle, linear(gated, `${layer}.mlp.down_proj.weight`))
  if (output.length !== hidden) throw new Error(`a row of ${output.length}`)
  return linear(norm(output, 'model.norm.weight'), 'lm_head.weight')
}
