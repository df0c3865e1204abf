/** MLPs: gated, plain, and many of them behind a router. */
import type { Activation, ExpertsSpec, GatedMlpSpec, PlainActivation, PlainMlpSpec } from '../arch/layer-builder.ts'
import type { GraphBuilder } from './graph-builder.ts'
import * as ops from './ops.ts'
import { addressOf, integers, linear, reshapeRows, scalar, sliceColumns, vector } from './products.ts'

/** With it a sigmoid approximates GELU. */
const GELU_ALPHA = 1.702
/** Below any score, and within f16. */
const NEVER = -60_000

function activate(g: GraphBuilder, path: string, x: string, activation: PlainActivation): string {
  switch (activation) {
    case 'silu':
      return ops.quickGelu(g, `${path}/Silu`, x, 1)
    case 'quick-gelu':
      return ops.quickGelu(g, `${path}/QuickGelu`, x, GELU_ALPHA)
    case 'relu':
      return ops.relu(g, `${path}/Relu`, [x])
    case 'gelu':
    case 'gelu-tanh':
      return ops.gelu(g, `${path}/Gelu`, [x], { approximate: { text: activation === 'gelu' ? 'none' : 'tanh' } })
  }
}

function gated(g: GraphBuilder, path: string, gate: string, up: string, activation: Activation): string {
  if (typeof activation === 'string') return ops.mul(g, `${path}/Mul`, [activate(g, path, gate, activation), up])
  const { limit, alpha } = activation
  const bounded = ops.quickGelu(g, `${path}/QuickGelu`, ops.clip(g, `${path}/Clip`, [gate, '', scalar(g, limit)]), alpha)
  const raised = ops.add(g, `${path}/up/Add`, [ops.clip(g, `${path}/up/Clip`, [up, scalar(g, -limit), scalar(g, limit)]), scalar(g, 1)])
  return ops.mul(g, `${path}/Mul`, [bounded, raised])
}

/** x ─┬─ gate ─ activation ─┐
 *     └─ up ────────────── Mul ─ down */
export function gatedMlp(g: GraphBuilder, x: string, { gate, up, down, activation }: GatedMlpSpec): string {
  return linear(g, gated(g, addressOf(gate.weight), linear(g, x, gate), linear(g, x, up), activation), down)
}

/** x ─ up ─ activation ─ down */
export const plainMlp = (g: GraphBuilder, x: string, { up, down, activation }: PlainMlpSpec): string =>
  linear(g, activate(g, addressOf(up.weight), linear(g, x, up), activation), down)

/** True where a value is among the `count` largest of its row: not below the last of them. */
function isAmongLargest(g: GraphBuilder, path: string, x: string, count: number): string {
  const largest = ops.topKValues(g, `${path}/TopK`, x, integers(g, [count]))
  return ops.greaterOrEqual(g, `${path}/GreaterOrEqual`, [x, sliceColumns(g, `${path}/Slice`, largest, count - 1, count)])
}

const sumOfRow = (g: GraphBuilder, name: string, x: string, keepsAxis: boolean): string =>
  ops.reduceSum(g, name, [x, integers(g, [-1])], { keepdims: { int: keepsAxis ? 1 : 0 } })

/** Scores for choosing, out of reach outside of the best groups. */
function withinGroups(g: GraphBuilder, path: string, choice: string, groups: NonNullable<ExpertsSpec['groups']>, experts: number): string {
  const size = experts / groups.count
  const grouped = reshapeRows(g, `${path}/Reshape`, choice, [groups.count, size])
  const best = ops.topKValues(g, `${path}/best/TopK`, grouped, integers(g, [Math.min(2, size)]))
  const open = isAmongLargest(g, path, sumOfRow(g, `${path}/ReduceSum`, best, false), groups.chosen)
  const mask = ops.where(g, `${path}/Where`, [open, scalar(g, 0), scalar(g, NEVER)])
  const masked = ops.add(g, `${path}/Add`, [grouped, reshapeRows(g, `${path}/mask/Reshape`, mask, [groups.count, 1])])
  return reshapeRows(g, `${path}/ReshapeBack`, masked, [experts])
}

/** [tokens, experts]: what each expert's output is multiplied by; zero where it was not chosen. */
function routing(g: GraphBuilder, path: string, x: string, spec: ExpertsSpec): string {
  const { weights, chosen, groups, choiceBias, experts } = spec
  const scores = linear(g, x, spec.router)
  if (weights === 'softmax-of-chosen') {
    const kept = ops.where(g, `${path}/Where`, [isAmongLargest(g, path, scores, chosen), scores, scalar(g, NEVER)])
    return ops.softmax(g, `${path}/Softmax`, [kept], { axis: { int: -1 } })
  }
  const all = weights === 'sigmoid' ? ops.sigmoid(g, `${path}/Sigmoid`, [scores]) : ops.softmax(g, `${path}/Softmax`, [scores], { axis: { int: -1 } })
  const biased = choiceBias ? ops.add(g, `${path}/choice/Add`, [all, vector(g, `${path}.choice_bias`, [choiceBias])]) : all
  const choice = groups ? withinGroups(g, `${path}/groups`, biased, groups, experts.length) : biased
  const kept = ops.where(g, `${path}/Where`, [isAmongLargest(g, path, choice, chosen), all, scalar(g, 0)])
  return spec.normalize ? ops.div(g, `${path}/Div`, [kept, sumOfRow(g, `${path}/ReduceSum`, kept, true)]) : kept
}

/**
 * x ─┬─ router ─ weights ── Slice ─┐
 *    └─ every expert ───────────── Mul ─ Add
 * Every expert runs for every token: exact on each backend and in each weight format, at the cost of the experts not chosen.
 */
export function experts(g: GraphBuilder, x: string, spec: ExpertsSpec): string {
  const path = `${addressOf(spec.router.weight)}/routing`
  const chosen = routing(g, path, x, spec)
  const weights = spec.scale === 1 ? chosen : ops.mul(g, `${path}/Scale`, [chosen, scalar(g, spec.scale)])
  // Slices rather than one Split: a GPU binds 8 buffers a shader at least, and not always more.
  const weightOf = (i: number): string => sliceColumns(g, `${path}/${i}/Slice`, weights, i, i + 1)
  const outputs = spec.experts.map((expert, i) => ops.mul(g, `${path}/${i}/Mul`, [gatedMlp(g, x, expert), weightOf(i)]))
  return outputs.reduce((sum, output, i) => ops.add(g, `${path}/${i}/Add`, [sum, output]))
}
