/** A short causal convolution with the last inputs as its state. */
import type { ShortConvSpec } from '../arch/layer-builder.ts'
import type { GraphBuilder } from './graph-builder.ts'
import * as ops from './ops.ts'
import { addressOf, integers, linear, vector } from './products.ts'

/** As far as a slice can reach. */
const TO_END = Number.MAX_SAFE_INTEGER

/**
 *   x ─ into ─ Split ─┬─ b ─ Mul ─ Concat(past) ─┬─ depthwise Conv ─ Mul ─ out
 *                     ├─ x ──┘                   └─ last length - 1 ─ present
 *                     └─ c ───────────────────────────────────────────┘
 */
export function shortConv(g: GraphBuilder, x: string, spec: ShortConvSpec): string {
  const { layer, width, length, kernel, bias } = spec
  const path = addressOf(kernel)
  const state = { past: `past.${layer}.conv`, present: `present.${layer}.conv` }
  g.state({ ...state, type: g.options.floatType, dims: [1, length - 1, width] })
  const [before = '', after = '', input = ''] = ops.split(g, `${path}/Split`, linear(g, x, spec.into), 3)
  const inputs = ops.concat(g, `${path}/Concat`, [state.past, ops.mul(g, `${path}/in/Mul`, [before, input])], { axis: { int: 1 } })
  ops.sliceInto(g, `${path}/Slice`, [inputs, integers(g, [1 - length]), integers(g, [TO_END]), integers(g, [1])], state.present)
  const swap = { perm: { ints: [0, 2, 1] } }
  const weights = [vector(g, `${path}.weight`, [kernel], kernel.shape), ...(bias ? [vector(g, `${path}.bias`, [bias])] : [])]
  const mixed = ops.conv(g, `${path}/Conv`, [ops.transpose(g, `${path}/Transpose`, [inputs], swap), ...weights], { group: { int: width } })
  const rows = ops.transpose(g, `${path}/TransposeBack`, [mixed], swap)
  return linear(g, ops.mul(g, `${path}/out/Mul`, [after, rows]), spec.out)
}
