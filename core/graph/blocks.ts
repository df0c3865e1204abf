/** A layer's words (core/arch/layer-builder.ts) as subgraphs. */
import type { LayerBuilder } from '../arch/layer-builder.ts'
import { attention, latentAttention } from './attention.ts'
import { experts, gatedMlp, plainMlp } from './experts.ts'
import { nameOf, pathOf, type GraphBuilder, type Value } from './graph-builder.ts'
import * as ops from './ops.ts'
import { linear, norm, scalar, vector } from './products.ts'
import { shortConv } from './short-conv.ts'

/** The words over one growing graph. */
export function graphWords(g: GraphBuilder): LayerBuilder<Value> {
  let [sums, scales] = [0, 0]
  return {
    rmsNorm: (x, weight, epsilon) => {
      const path = pathOf(weight.tensor)
      const gamma = vector(g, `${path}.weight`, [weight])
      if ('sum' in x && x.materialized === null) {
        const [input, skip] = x.sum
        x.materialized = `${path}/sum`
        return { name: ops.skipSimplifiedLayerNormalization(g, path, { input, skip, weight: gamma, epsilon, sum: x.materialized }) }
      }
      return { name: norm(g, path, nameOf(g, x), 'rms', gamma, epsilon) }
    },
    layerNorm: (x, weight, bias, epsilon) => {
      const path = pathOf(weight.tensor)
      const weights = [vector(g, `${path}.weight`, [weight]), ...(bias ? [vector(g, `${path}.bias`, [bias])] : [])]
      return { name: ops.layerNormalization(g, path, [nameOf(g, x), ...weights], { axis: { int: -1 }, epsilon: { float: epsilon } }) }
    },
    linear: (x, projection) => ({ name: linear(g, nameOf(g, x), projection) }),
    attention: (x, spec) => ({ name: attention(g, nameOf(g, x), spec) }),
    latentAttention: (x, spec) => ({ name: latentAttention(g, nameOf(g, x), spec) }),
    shortConv: (x, spec) => ({ name: shortConv(g, nameOf(g, x), spec) }),
    gatedMlp: (x, spec) => ({ name: gatedMlp(g, nameOf(g, x), spec) }),
    plainMlp: (x, spec) => ({ name: plainMlp(g, nameOf(g, x), spec) }),
    experts: (x, spec) => ({ name: experts(g, nameOf(g, x), spec) }),
    add: (a, b) => ({ sum: [nameOf(g, a), nameOf(g, b)], at: `/residual.${sums++}`, materialized: null }),
    scale: (x, factor) => ({ name: ops.mul(g, `/scale.${scales++}`, [nameOf(g, x), scalar(g, factor)]) }),
    softcap: (x, cap) => {
      const path = `/softcap.${scales++}`
      const bounded = ops.tanh(g, `${path}/Tanh`, [ops.div(g, `${path}/Div`, [nameOf(g, x), scalar(g, cap)])])
      return { name: ops.mul(g, `${path}/Mul`, [bounded, scalar(g, cap)]) }
    },
  }
}
