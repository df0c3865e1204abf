/** cos and sin of a rotation as GroupQueryAttention takes them: [positions, pairs]. */
import type { RopeSpec } from '../arch/layer-builder.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { bytesOf } from '../quant/stored.ts'
import type { GraphBuilder } from './graph-builder.ts'
import * as ops from './ops.ts'
import { spanInput } from './span-inputs.ts'
import type { PlannedTensor } from './weight-plan.ts'

/** Names of the tables; empty without rotation. */
export type Rotary = { readonly cos: string; readonly sin: string }

/** FNV-1a: layers of one rotation share its tables, the name tells rotations apart. */
function hashOf(text: string): string {
  let hash = 2166136261
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619)
  return (hash >>> 0).toString(16)
}

/** @param pairs that the kernel rotates; those beyond the frequencies do not turn */
function tablesOf(g: GraphBuilder, frequencies: readonly number[], magnitude: number, pairs: number): Rotary {
  const { floatType, contextLength } = g.options
  const inverseFrequencies = Array.from({ length: pairs }, (_, i) => frequencies[i] ?? null)
  const dims = [contextLength, pairs]
  const key = hashOf(`${inverseFrequencies.join()} ${magnitude}`)
  const tensors = ['cos', 'sin'].map((table): PlannedTensor => ({ name: `/rope.${key}.${table}`, type: floatType, dims }))
  const [cos = '', sin = ''] = g.weight({ recipe: 'rope', inverseFrequencies, magnitude, floatType, tensors })
  return { cos, sin }
}

/**
 * reach ─ Greater(above) ─ Where ─ cos
 * long, short tables ──────┘          (and so for sin)
 */
export function rotaryTables(g: GraphBuilder, rope: RopeSpec | null, pairs: number): Rotary {
  if (!rope) return { cos: '', sin: '' }
  const { long, magnitude, until = Infinity } = rope
  if (g.options.contextLength > until)
    throw new ClusterError(
      'unsupported_model',
      `a context of ${g.options.contextLength} tokens is not supported where the rotation changes behind ${until}`,
    )
  const short = tablesOf(g, rope.inverseFrequencies, magnitude, pairs)
  if (!long || g.options.contextLength <= long.above) return short
  const far = tablesOf(g, long.inverseFrequencies, magnitude, pairs)
  const bound = g.constant({ name: `/int32.${long.above}`, type: 'int32', dims: [1], inline: bytesOf(Int32Array.of(long.above)) })
  const isFar = g.shared(`/rope/above.${long.above}`, (name) => ops.greater(g, name, [spanInput(g, 'reach'), bound]))
  const chosen = (near: string, distant: string): string => g.shared(`${near}/${distant}`, (name) => ops.where(g, name, [isFar, distant, near]))
  return { cos: chosen(short.cos, far.cos), sin: chosen(short.sin, far.sin) }
}
