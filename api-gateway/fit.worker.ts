/** The thread that weighs models against devices: its graphs are built to know sizes, which takes up to a second for the largest. */
import { setImmediate } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { CHECKPOINTS } from '../core/catalog/checkpoints.ts'
import { factsOf, fitOf } from '../core/catalog/fit.ts'
import { statedModel } from '../core/catalog/stated-model.ts'
import { viewOf } from '../core/cluster/cluster-view.ts'
import { modelSizing } from '../core/cluster/model-sizing.ts'
import type { ModelSizing } from '../core/cluster/sizing.ts'
import type { ModelDescription } from '../core/model/model-description.ts'
import type { Fit, ModelFacts } from '../protocol/catalog.ts'
import type { PeerEntry, Placement, Quality, Wish } from '../protocol/cluster.ts'
import { toClusterError, toWireError, type WireError } from '../protocol/errors.ts'
import type { ModelId } from '../protocol/ids.ts'

export type FitTask = {
  readonly ticket: number
  readonly devices: readonly PeerEntry[]
  /** Other models have memory of the devices. */
  readonly wishes: readonly Wish[]
  readonly placements: readonly Placement[]
  readonly quality: Quality
  /** A description of null stands for what the catalogue states. `key` changes when the description does. */
  readonly models: readonly { readonly id: ModelId; readonly key: string; readonly description: ModelDescription | null }[]
}
export type Weighed = { readonly facts: ModelFacts; readonly fit: Fit } | { readonly error: WireError }
export type FitReply = { readonly ticket: number; readonly weighed: readonly Weighed[] }

const known = new Map<string, { readonly facts: ModelFacts; readonly sizing: ModelSizing }>()

function sizingOf({ id, key, description }: FitTask['models'][number]) {
  const held = known.get(key)
  if (held) return held
  const stated = CHECKPOINTS.find((checkpoint) => checkpoint.id === id)
  const model = description ?? statedModel(JSON.stringify(stated?.config))
  const made = { facts: factsOf(model), sizing: modelSizing(model, null) }
  known.set(key, made)
  return made
}

function weigh(model: FitTask['models'][number], { devices, wishes, placements, quality }: FitTask): Weighed {
  try {
    const { facts, sizing } = sizingOf(model)
    return { facts, fit: fitOf(model.id, sizing, viewOf(devices, wishes, placements), quality) }
  } catch (error) {
    return { error: toWireError(toClusterError(error)) }
  }
}

// Both ends of this port are this repository's own: its messages need no check.
parentPort?.on('message', async (task: FitTask) => {
  const weighed: Weighed[] = []
  for (const model of task.models) {
    weighed.push(weigh(model, task))
    // A single model that is asked for meanwhile does not wait for the whole catalogue.
    await setImmediate()
  }
  parentPort?.postMessage({ ticket: task.ticket, weighed } satisfies FitReply)
})
