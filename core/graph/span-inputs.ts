/** What tells a graph which tokens it runs, beside the hidden states. A graph declares those that it reads. */
import type { GraphBuilder } from './graph-builder.ts'
import type { GraphValue } from './onnx.ts'

/** `count` tokens at `position`, of a pass after which the sequence has `reach`. */
export type TokenSpan = { readonly position: number; readonly count: number; readonly reach: number }

const INPUTS = {
  /** Tokens cached afterwards, less one. */
  seqlens: { name: 'seqlens_k', type: 'int32', dims: [1] },
  /** Tokens cached afterwards. */
  total: { name: 'total_sequence_length', type: 'int32', dims: [1] },
  /** Tokens of the sequence when the whole pass is done. */
  reach: { name: 'reach', type: 'int32', dims: [1] },
  /** Position of the first token; int64 where the operator takes no other. */
  position: { name: 'position', type: 'int64', dims: [1] },
  /** Of each token; in f32, which is exact up to 2^24 and which every operator of WebGPU takes. */
  positions: { name: 'positions', type: 'f32', dims: ['tokens', 1] },
} as const satisfies Record<string, GraphValue>

/** Declares the input once. @returns its name */
export const spanInput = (g: GraphBuilder, kind: keyof typeof INPUTS): string => g.shared(INPUTS[kind].name, () => g.input(INPUTS[kind]))

const ROWS_PREFIX = 'rows.'
/** Places [1, heads, tokens, 3] of the new rows in a cache [1, heads, length, width], for ScatterND. */
export const rowsInput = (g: GraphBuilder, heads: number): string =>
  g.shared(`${ROWS_PREFIX}${heads}`, (name) => g.input({ name, type: 'int64', dims: [1, heads, 'tokens', 3] }))

export type SpanTensor =
  | { readonly name: string; readonly type: 'float32'; readonly values: Float32Array; readonly dims: readonly number[] }
  | { readonly name: string; readonly type: 'int32'; readonly values: Int32Array; readonly dims: readonly number[] }
  | { readonly name: string; readonly type: 'int64'; readonly values: BigInt64Array; readonly dims: readonly number[] }

function placesOf(heads: number, { position, count }: TokenSpan): BigInt64Array {
  const places = new BigInt64Array(heads * count * 3)
  for (let row = 0; row < heads * count; row++) {
    places[row * 3 + 1] = BigInt(Math.floor(row / count))
    places[row * 3 + 2] = BigInt(position + (row % count))
  }
  return places
}

/** The values to feed for a span, of the inputs that a graph declares. */
export function spanTensors(inputs: readonly GraphValue[], span: TokenSpan): readonly SpanTensor[] {
  const { position, count, reach } = span
  const total = position + count
  return inputs.flatMap(({ name, dims }): SpanTensor[] => {
    const int32 = (...values: number[]): SpanTensor[] => [{ name, type: 'int32', values: Int32Array.from(values), dims: [1] }]
    switch (name) {
      case INPUTS.seqlens.name:
        return int32(total - 1)
      case INPUTS.total.name:
        return int32(total)
      case INPUTS.reach.name:
        return int32(reach)
      case INPUTS.position.name:
        return [{ name, type: 'int64', values: BigInt64Array.of(BigInt(position)), dims: [1] }]
      case INPUTS.positions.name:
        return [{ name, type: 'float32', values: Float32Array.from({ length: count }, (_, i) => position + i), dims: [count, 1] }]
    }
    if (!name.startsWith(ROWS_PREFIX)) return []
    const heads = Number(dims[1])
    return [{ name, type: 'int64', values: placesOf(heads, span), dims: [1, heads, count, 3] }]
  })
}
