/** Nodes, weights and values of a graph as it grows. `blocks.ts` composes on it. */
import type { WeightRef } from '../arch/layer-builder.ts'
import type { TensorIndex } from '../model/safetensors.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { EmitOptions } from './emit-options.ts'
import { writeModel, type GraphNode, type GraphValue, type Initializer } from './onnx.ts'
import * as ops from './ops.ts'
import { sourcesOf, type WeightPlan } from './weight-plan.ts'

/** A sum waits for its reader: a norm right behind it fuses with it, anything else gets a plain Add. */
export type Value = { readonly name: string } | { readonly sum: readonly [string, string]; readonly at: string; materialized: string | null }

export type EmittedGraph = {
  /** A ModelProto without weights. */
  readonly modelBytes: Uint8Array
  /** Initializers to give as external data, each under its own name. */
  readonly weights: readonly WeightPlan[]
  readonly inputs: readonly GraphValue[]
  readonly outputs: readonly GraphValue[]
}

export type GraphBuilder = {
  readonly options: EmitOptions
  readonly push: (node: GraphNode) => void
  readonly input: (value: GraphValue) => string
  readonly output: (value: GraphValue) => void
  /** Adds the plan's initializers once; a plan met again under the same name is the same weight. */
  readonly weight: (plan: WeightPlan) => readonly string[]
  /** A small constant inside the protobuf. */
  readonly constant: (initializer: Initializer) => string
  readonly finish: (graphName: string) => EmittedGraph
}

/** @throws {ClusterError} bad_checkpoint when the tensor is missing or has another shape or element type than the architecture says */
function checkStored(tensors: TensorIndex, ref: WeightRef): void {
  const stored = tensors.get(ref.tensor)
  if (!stored) throw new ClusterError('bad_checkpoint', `the checkpoint has no tensor ${ref.tensor}`)
  if (stored.type === null)
    throw new ClusterError('bad_checkpoint', `tensor ${ref.tensor} is stored in an element type that is not read; f32, f16 and bf16 are`)
  if (stored.shape.join() !== ref.shape.join()) {
    throw new ClusterError('bad_checkpoint', `tensor ${ref.tensor} has shape [${stored.shape.join(', ')}]; [${ref.shape.join(', ')}] was expected`)
  }
}

export function graphBuilder(tensors: TensorIndex, options: EmitOptions): GraphBuilder {
  const nodes: GraphNode[] = []
  const inputs: GraphValue[] = []
  const outputs: GraphValue[] = []
  const constants = new Map<string, Initializer>()
  const weights = new Map<string, WeightPlan>()
  return {
    options,
    push: (node) => void nodes.push(node),
    input: (value) => {
      inputs.push(value)
      return value.name
    },
    output: (value) => void outputs.push(value),
    weight: (plan) => {
      for (const ref of sourcesOf(plan)) checkStored(tensors, ref)
      const names = plan.tensors.map((tensor) => tensor.name)
      weights.set(names.join(), plan)
      return names
    },
    constant: (initializer) => {
      constants.set(initializer.name, initializer)
      return initializer.name
    },
    finish: (name) => {
      const plans = [...weights.values()]
      const external = plans.flatMap((plan) => plan.tensors.map((tensor): Initializer => ({ ...tensor, inline: null })))
      const modelBytes = writeModel({ name, nodes, inputs, outputs, initializers: [...external, ...constants.values()] })
      return { modelBytes, weights: plans, inputs, outputs }
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
