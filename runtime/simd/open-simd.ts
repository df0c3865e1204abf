/** A shard on our kernels: its programs, its memory with the weights streamed in, and the engine over both. */
import type { MatrixFidelity } from '../../core/graph/fidelity.ts'
import type { LayerRange } from '../../core/cluster/sizing.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { TensorLocation } from '../../core/model/safetensors.ts'
import { heldBytesOf } from '../../core/simd/held-matrix.ts'
import { headProgram, layersProgram, type ProgramOptions } from '../../core/simd/shard-program.ts'
import { heldRow, tiedTable } from '../../core/simd/tied-table.ts'
import type { Engine } from '../engine.ts'
import { weightBytesToRead } from './load-weights.ts'
import type { PlacedWeight, ShardRoom } from './put-weights.ts'
import { placeShard, type ShardPrograms } from './place-shard.ts'
import type { SimdCache } from './pass-rows.ts'
import { simdEngine } from './simd-engine.ts'
import type { SimdKernels } from './simd-kernels.ts'

/** Writes the weights to their places. */
export type FillWeights = (room: ShardRoom, places: readonly PlacedWeight[]) => Promise<readonly MatrixFidelity[]>

export type SimdShard = {
  /** Stored bytes that loading reads, given what is in memory anyway. */
  readonly bytesToRead: (held?: TensorLocation) => number
  readonly heldBytes: number
  /** Whether the embedding table is held as the head's matrix is. */
  readonly sharesTable: boolean
  /** Also tells what became of matrices on the way. */
  readonly open: (fill: FillWeights) => Promise<{
    readonly engine: Engine<SimdCache>
    readonly fidelity: readonly MatrixFidelity[]
    readonly tableRow: ((id: number) => Float32Array) | null
  }>
}

/** @throws {ClusterError} unsupported_model, unsupported_backend, bad_checkpoint: before a byte is read */
export function planSimdShard(model: ModelDescription, range: LayerRange, options: ProgramOptions, kernels: SimdKernels): SimdShard {
  const isLast = range.endLayer === model.config.numLayers
  const programs: Omit<ShardPrograms, 'beside'> = { body: layersProgram(model, range, options), head: isLast ? headProgram(model, options) : null }
  const table = tiedTable(model, range, (programs.head ?? headProgram(model, options)).program)
  const beside = table && !isLast ? [table] : []
  const weights = [...programs.body.weights, ...(programs.head?.program.weights ?? []), ...beside]
  return {
    bytesToRead: (held) => weightBytesToRead(weights, model.tensors, held),
    heldBytes: weights.reduce((sum, weight) => sum + heldBytesOf(weight), 0),
    sharesTable: table !== null,
    open: async (fill) => {
      const placed = placeShard({ ...programs, beside }, options.contextLength, kernels)
      const fidelity = await fill({ memory: placed.memory, hold: kernels.hold(placed.memory.memory) }, placed.weights)
      const { run, release } = await kernels.start(placed.memory.memory, placed.frame)
      const { hiddenSize, vocabSize } = model.config
      const place = placed.weights.find(({ weight }) => weight === table)
      const tableRow = place ? (id: number) => heldRow(place.weight, placed.memory.bytes().subarray(place.address), id) : null
      return { engine: simdEngine({ ...placed, run, release, hiddenSize, vocabSize }), fidelity, tableRow }
    },
  }
}
