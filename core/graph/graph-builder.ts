/** Nodes, weights and values of a graph as it grows. `blocks.ts` composes on it. */
import type { TensorIndex } from '../model/safetensors.ts'
import type { EmitOptions } from './emit-options.ts'
import { ELEMENT_BYTES, elementCount, writeModel, type ElementType, type GraphNode, type GraphValue, type Initializer } from './onnx.ts'
import * as ops from './ops.ts'
import { sourcesOf, type WeightPlan } from './weight-plan.ts'
import { checkStored } from './weight-source.ts'

/** A sum waits for its reader: a norm right behind it fuses with it, anything else gets a plain Add. */
export type Value = { readonly name: string } | { readonly sum: readonly [string, string]; readonly at: string; materialized: string | null }

/** What a layer remembers of a sequence: fed as `past`, fetched as `present`. */
export type StateSpec = {
  readonly past: string
  readonly present: string
  readonly type: ElementType
  /** 'tokens': the axis that grows with the sequence. A state without one has a fixed size, begins as zeros and cannot be rewound. */
  readonly dims: readonly (number | 'tokens')[]
}
export const stateDims = (state: StateSpec, tokens: number): readonly number[] => state.dims.map((dim) => (dim === 'tokens' ? tokens : dim))
export const stateBytes = (state: StateSpec, tokens: number): number => elementCount(stateDims(state, tokens)) * ELEMENT_BYTES[state.type]
export const growsWithTokens = (state: StateSpec): boolean => state.dims.includes('tokens')

export type EmittedGraph = {
  /** A ModelProto without weights. */
  readonly modelBytes: Uint8Array
  /** Initializers to give as external data, each under its own name. */
  readonly weights: readonly WeightPlan[]
  readonly inputs: readonly GraphValue[]
  readonly outputs: readonly GraphValue[]
  readonly states: readonly StateSpec[]
}

export type GraphBuilder = {
  readonly options: EmitOptions
  /** How each tensor of the checkpoint is stored. */
  readonly tensors: TensorIndex
  readonly push: (node: GraphNode) => void
  readonly input: (value: GraphValue) => string
  readonly output: (value: GraphValue) => void
  /** Declares its input and output; the output is still to be written by a node. */
  readonly state: (state: StateSpec) => void
  /** Adds the plan's initializers once; a plan met again under the same name is the same weight. */
  readonly weight: (plan: WeightPlan) => readonly string[]
  /** A value that several layers read: `build` runs when it is first asked for under `name`. */
  readonly shared: (name: string, build: (name: string) => string) => string
  /** A small constant inside the protobuf. */
  readonly constant: (initializer: Initializer) => string
  readonly finish: (graphName: string) => EmittedGraph
}

export function graphBuilder(tensors: TensorIndex, options: EmitOptions): GraphBuilder {
  const nodes: GraphNode[] = []
  const inputs: GraphValue[] = []
  const outputs: GraphValue[] = []
  const states: StateSpec[] = []
  const constants = new Map<string, Initializer>()
  const weights = new Map<string, WeightPlan>()
  const shared = new Map<string, string>()
  return {
    options,
    tensors,
    push: (node) => void nodes.push(node),
    input: (value) => {
      inputs.push(value)
      return value.name
    },
    output: (value) => void outputs.push(value),
    state: (state) => {
      states.push(state)
      const dims = (grown: string): readonly (number | string)[] => state.dims.map((dim) => (dim === 'tokens' ? grown : dim))
      inputs.push({ name: state.past, type: state.type, dims: dims('past') })
      outputs.push({ name: state.present, type: state.type, dims: dims('present') })
    },
    weight: (plan) => {
      for (const ref of sourcesOf(plan)) checkStored(tensors, ref)
      const names = plan.tensors.map((tensor) => tensor.name)
      weights.set(names.join(), plan)
      return names
    },
    shared: (name, build) => {
      const value = shared.get(name) ?? build(name)
      shared.set(name, value)
      return value
    },
    constant: (initializer) => {
      constants.set(initializer.name, initializer)
      return initializer.name
    },
    finish: (name) => {
      const plans = [...weights.values()]
      const external = plans.flatMap((plan) => plan.tensors.map((tensor): Initializer => ({ ...tensor, inline: null })))
      const modelBytes = writeModel({ name, nodes, inputs, outputs, initializers: [...external, ...constants.values()] })
      return { modelBytes, weights: plans, inputs, outputs, states }
    },
  }
}

/** The value's name in the graph; a waiting sum becomes an Add. */
export function nameOf(g: GraphBuilder, value: Value): string {
  if ('name' in value) return value.name
  value.materialized ??= ops.add(g, value.at, value.sum)
  return value.materialized
}

/** Address of a node, mirroring the checkpoint: `model.layers.3.mlp.up_proj.weight` → `/model/layers.3/mlp/up_proj`. */
export const pathOf = (tensor: string): string => `/${tensor.replace(/\.(weight|bias)$/, '').replaceAll(/\.(?=[a-z_])/g, '/')}`
