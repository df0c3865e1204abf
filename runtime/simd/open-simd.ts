/** A shard on our kernels: its programs, its memory with the weights streamed in, and the engine over both. */
import type { MatrixFidelity } from '../../core/graph/fidelity.ts'
import type { LayerRange } from '../../core/cluster/sizing.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { TensorLocation } from '../../core/model/safetensors.ts'
import { heldBytesOf } from '../../core/simd/held-matrix.ts'
import { headProgram, layersProgram, type ProgramOptions } from '../../core/simd/shard-program.ts'
import type { Engine } from '../engine.ts'
import { weightBytesToRead, type PlacedWeight } from './load-weights.ts'
import { placeShard, type ShardPrograms } from './place-shard.ts'
import type { SimdCache } from './pass-rows.ts'
import { simdEngine } from './simd-engine.ts'
import type { SimdKernels } from './simd-kernels.ts'

/** Writes the weights to their places. */
export type FillWeights = (memory: () => Uint8Array, places: readonly PlacedWeight[]) => Promise<readonly MatrixFidelity[]>

export type SimdShard = {
  /** Stored bytes that loading reads, given what is in memory anyway. */
  readonly bytesToRead: (held?: TensorLocation) => number
  readonly heldBytes: number
  /** Also tells what became of matrices on the way. */
  readonly open: (fill: FillWeights) => Promise<{ readonly engine: Engine<SimdCache>; readonly fidelity: readonly MatrixFidelity[] }>
}

/** @throws {ClusterError} unsupported_model, unsupported_backend, bad_checkpoint: before a byte is read */
export function planSimdShard(model: ModelDescription, range: LayerRange, options: ProgramOptions, kernels: SimdKernels): SimdShard {
  const isLast = range.endLayer === model.config.numLayers
  const programs: ShardPrograms = { body: layersProgram(model, range, options), head: isLast ? headProgram(model, options) : null }
  const weights = [...programs.body.weights, ...(programs.head?.program.weights ?? [])]
  return {
    bytesToRead: (held) => weightBytesToRead(weights, model.tensors, held),
    heldBytes: weights.reduce((sum, weight) => sum + heldBytesOf(weight), 0),
    open: async (fill) => {
      const placed = placeShard(programs, options.contextLength, kernels)
      const fidelity = await fill(placed.memory.bytes, placed.weights)
      const { run, release } = await kernels.start(placed.memory.memory, placed.frame)
      const { hiddenSize, vocabSize } = model.config
      return { engine: simdEngine({ ...placed, run, release, hiddenSize, vocabSize }), fidelity }
    },
  }
}
