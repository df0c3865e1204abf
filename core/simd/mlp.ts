/** MLPs and short convolutions as kernel calls; of many experts only the chosen ones run. */
import type { Activation, ExpertsSpec, GatedMlpSpec, PlainActivation, PlainMlpSpec, ShortConvSpec } from '../arch/layer-builder.ts'
import * as code from '../../kernels/opcodes.ts'
import { expertLinear, linear, vector, type Choice, type Emitter } from './products.ts'
import { at, start, strideOf, type Value } from './program.ts'

const ACTIVATIONS: Readonly<Record<PlainActivation, number>> = {
  silu: code.ACT_SILU,
  gelu: code.ACT_GELU,
  'gelu-tanh': code.ACT_GELU_TANH,
  'quick-gelu': code.ACT_QUICK_GELU,
  relu: code.ACT_RELU,
}
const ROUTES = { softmax: code.ROUTE_SOFTMAX, 'softmax-of-chosen': code.ROUTE_SOFTMAX_OF_CHOSEN, sigmoid: code.ROUTE_SIGMOID } as const

/** activation(gate) ∘ up, or without `up` the activation alone. */
function activate({ program }: Emitter, gate: Value, up: Value | null, activation: Activation): Value {
  const { width, repeat } = gate
  const y = program.value(width, repeat)
  const stride = strideOf(width)
  const isNamed = typeof activation === 'string'
  program.emit(
    'activate',
    {
      gate: at(gate),
      gateStride: stride,
      up: up ? at(up) : 0,
      upStride: stride,
      y: at(y),
      yStride: stride,
      width,
      kind: isNamed ? ACTIVATIONS[activation] : code.ACT_CLAMPED_SWIGLU,
      limit: isNamed ? 0 : activation.limit,
      alpha: isNamed ? 0 : activation.alpha,
      repeat,
    },
    { reads: [gate.buffer, ...(up ? [up.buffer] : [])], writes: [y.buffer] },
  )
  return y
}

export const gatedMlp = (e: Emitter, x: Value, { gate, up, down, activation }: GatedMlpSpec): Value =>
  linear(e, activate(e, linear(e, x, gate), linear(e, x, up), activation), down)

export const plainMlp = (e: Emitter, x: Value, { up, down, activation }: PlainMlpSpec): Value =>
  linear(e, activate(e, linear(e, x, up), null, activation), down)

/** Scores in f32 whatever the format: a router is small, and a wrong choice costs more than its bytes. */
function route(e: Emitter, x: Value, spec: ExpertsSpec): Choice {
  const { program } = e
  const { chosen, groups, normalize, scale } = spec
  const experts = spec.experts.length
  const scores = linear(e, x, spec.router, 'f32')
  const room = program.value(experts + (groups?.count ?? 0))
  const [ids, weights] = [program.buffer(chosen * 4), program.buffer(chosen * 4)]
  program.emit(
    'route',
    {
      scores: at(scores),
      scoresStride: strideOf(experts),
      experts,
      chosen,
      kind: ROUTES[spec.weights],
      choiceBias: spec.choiceBias ? vector(e, [spec.choiceBias]) : 0,
      groups: groups?.count ?? 0,
      groupsChosen: groups?.chosen ?? 0,
      normalize: normalize ? 1 : 0,
      scale,
      choice: at(room),
      choiceStride: strideOf(room.width),
      ids: start(ids),
      weights: start(weights),
    },
    { reads: [scores.buffer], writes: [scores.buffer, room.buffer, ids, weights] },
  )
  return { ids, weights, chosen, experts }
}

/** x ─ router ─ choice; x ─ gate, up of the chosen ─ activation ─ down ─ weighed sum */
export function experts(e: Emitter, x: Value, spec: ExpertsSpec): Value {
  const [first] = spec.experts
  if (!first) throw new Error('experts without an expert')
  const choice = route(e, x, spec)
  const part = (name: 'gate' | 'up' | 'down') => spec.experts.map((expert) => expert[name])
  const inner = activate(e, expertLinear(e, x, part('gate'), choice), expertLinear(e, x, part('up'), choice), first.activation)
  const outer = expertLinear(e, inner, part('down'), choice)
  const y = e.program.value(outer.width)
  e.program.emit(
    'combine',
    {
      x: at(outer),
      xStride: strideOf(outer.width),
      weights: start(choice.weights),
      chosen: choice.chosen,
      width: outer.width,
      y: at(y),
      yStride: strideOf(y.width),
    },
    { reads: [outer.buffer, choice.weights], writes: [y.buffer] },
  )
  return y
}

/** x ─ into ─ convolution of b ∘ x, times c ─ out */
export function shortConv(e: Emitter, x: Value, spec: ShortConvSpec): Value {
  const { width, length, kernel, bias } = spec
  const parts = linear(e, x, spec.into)
  const y = e.program.value(width)
  const state = {}
  e.program.emit(
    'convolve',
    {
      x: at(parts),
      xStride: strideOf(parts.width),
      width,
      length,
      kernel: vector(e, [kernel]),
      bias: bias ? vector(e, [bias]) : 0,
      state: e.program.fixedState((length - 1) * width * 4),
      y: at(y),
      yStride: strideOf(width),
    },
    { reads: [parts.buffer, state], writes: [y.buffer, state] },
  )
  return linear(e, y, spec.out)
}
