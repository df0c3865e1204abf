/** A shard from a checkpoint: reads its own layers' bytes, builds the graph for the backend, compiles and warms it up. */
import { architectureOf } from '../../core/arch/registry.ts'
import { rotationChangesAt } from '../../core/arch/rope.ts'
import { quantizationOf, tensorErrors, type MatrixFidelity } from '../../core/graph/fidelity.ts'
import { emitShard, partsOfShard } from '../../core/graph/shard-graphs.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import { readTensors } from '../../core/model/read-tensors.ts'
import type { TensorLocation } from '../../core/model/safetensors.ts'
import type { StoredType } from '../../core/quant/stored.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { storedTable, type EmbeddingTable, type TableShape } from './embedding.ts'
import type { Engine } from '../engine.ts'
import { readFinalNorm } from './final-norm.ts'
import { bytesToRead, growingSpace, type WeightReading } from './external-data.ts'
import { checkRange, emitOptionsOf, onGraphs, sessionOptionsOf, type LoadShardOptions } from './load-options.ts'
import { openGpuHead } from './gpu-head.ts'
import { fidelityOfGraphs, fromCheckpoint, heldByGraphs, openShardGraphs, type OpenGpuHead } from './open-graph.ts'
import { createRunner } from './runner.ts'
import { loadWeights } from '../simd/load-weights.ts'
import { planSimdShard } from '../simd/open-simd.ts'
import type { LoadProgress, ShardRunner } from '../shard-runner.ts'
import { warmUp } from './warm-up.ts'
import { wasmEngine } from './wasm-engine.ts'
import { gpuOf, webgpuEngine } from './webgpu-engine.ts'

type Table = { readonly tensor: string; readonly location: TensorLocation; readonly type: StoredType; readonly shape: TableShape }

/** The rows of the first shard, as stored. */
function embeddingOf(model: ModelDescription): Table {
  const { weight, scale } = architectureOf(model.config.modelType).embedding(model.config)
  const location = model.tensors.get(weight.tensor)
  if (!location?.type || location.shape.join() !== weight.shape.join()) {
    throw new ClusterError('bad_checkpoint', `tensor ${weight.tensor} is missing or has another shape than config.json says`)
  }
  const [rows = 0, width = 0] = weight.shape
  const { type } = location
  return { tensor: weight.tensor, location, type, shape: { rows, width, scale } }
}

async function readTable({ tensor, location }: Table, reading: WeightReading): Promise<Uint8Array> {
  const { source, onBytes, signal } = reading
  const bytes = (await readTensors(source, new Map([[tensor, location]]), { onBytes, ...(signal ? { signal } : {}) })).get(tensor)
  if (!bytes) throw new ClusterError('bad_checkpoint', `tensor ${tensor} was not read`)
  return bytes
}

type Progress = { readonly onBytes: (count: number) => void; readonly onWarmUp: () => void }

/** Graphs are compiled between downloads; what is told only goes forward: compiling begins when the last byte is there. */
function progressOf(totalBytes: number, onProgress: LoadShardOptions['onProgress']): Progress {
  let loadedBytes = 0
  const report = (phase: LoadProgress['phase']): void => onProgress?.({ phase, loadedBytes, totalBytes })
  report('downloading')
  return {
    onBytes: (count) => {
      loadedBytes += count
      report(loadedBytes < totalBytes ? 'downloading' : 'compiling')
    },
    onWarmUp: () => report('warming-up'),
  }
}

/** How far a prompt at once and in pieces may part: rounding in f32; in narrower formats also activations quantized by the chunk. */
const toleranceOf = ({ backend, weightFormat }: LoadShardOptions): number | null => (backend === 'wasm' ? null : weightFormat === 'f32' ? 0.001 : 0.2)

type Opened = {
  readonly heldBytes: number
  readonly fidelity: readonly MatrixFidelity[]
  readonly embedding: EmbeddingTable | null
}

/** @param heldBytes of what the engine computes with */
async function finish<Cache>(engine: Engine<Cache>, options: LoadShardOptions, { heldBytes, fidelity, embedding }: Opened): Promise<ShardRunner> {
  const { model, startLayer, endLayer, contextLength } = options
  const { hiddenSize, numLayers } = model.config
  const isLast = endLayer === numLayers
  try {
    await warmUp(engine, { hiddenSize, isLast, contextLength, tolerance: toleranceOf(options) })
  } catch (error) {
    await engine.dispose()
    throw error
  }
  const all = heldBytes + (embedding?.heldBytes ?? 0)
  const quantization = quantizationOf(fidelity)
  options.onTensorErrors?.(tensorErrors(fidelity))
  const restartAt = rotationChangesAt(model.config)
  const keepsTokens = model.config.layers.every(({ mixer }) => mixer === 'attention')
  return createRunner({
    engine,
    startLayer,
    endLayer,
    hiddenSize,
    restartAt,
    keepsTokens,
    heldBytes: all,
    quantization,
    contextLength,
    embedding,
    isLast,
    readNorm: () => readFinalNorm(model, options.source),
  })
}

/**
 * Loads layers [startLayer, endLayer) and, at the ends, the embedding table and the head. Reads only their bytes, and those of a
 * table that is both once.
 * @throws {ClusterError} unsupported_backend, unsupported_model, bad_checkpoint, source_unavailable, not_enough_memory, cancelled
 */
export async function loadShard(options: LoadShardOptions): Promise<ShardRunner> {
  checkRange(options)
  return options.backend === 'simd' ? loadKernels(options) : loadGraphs(onGraphs(options))
}

type Start = { readonly reading: WeightReading; readonly embedding: EmbeddingTable | null; readonly onWarmUp: () => void }

/** Reads the embedding table of the first shard, unless the head's matrix is it. @param bytesToRead of all that follows, given what is in memory then */
async function readStart(options: LoadShardOptions, bytesToRead: (held?: TensorLocation) => number, isShared = false): Promise<Start> {
  const { model, source, startLayer, signal } = options
  const table = startLayer === 0 && !isShared ? embeddingOf(model) : null
  const toRead = bytesToRead(table?.location) + (table ? table.location.end - table.location.start : 0)
  const { onBytes, onWarmUp } = progressOf(toRead, options.onProgress)
  const reading: WeightReading = { source, tensors: model.tensors, onBytes, space: growingSpace(), ...(signal ? { signal } : {}) }
  if (!table) return { reading, embedding: null, onWarmUp }
  const bytes = await readTable(table, reading)
  return { reading: { ...reading, held: { location: table.location, bytes } }, embedding: storedTable(table.shape, bytes, table.type), onWarmUp }
}

/** Layers and head as programs of our kernels. */
async function loadKernels(options: LoadShardOptions): Promise<ShardRunner> {
  const { model, simd } = options
  if (!simd) throw new ClusterError('unsupported_backend', 'the simd backend needs its kernels')
  const shard = planSimdShard(model, options, options, simd)
  const { reading, embedding: own, onWarmUp } = await readStart(options, shard.bytesToRead, shard.sharesTable)
  const { engine, fidelity, tableRow } = await shard.open((room, places) => loadWeights(room, places, reading))
  const embedding = tableRow ? { ...embeddingOf(model).shape, heldBytes: 0, row: tableRow } : own
  onWarmUp()
  return finish(engine, options, { heldBytes: shard.heldBytes, fidelity, embedding })
}

/** Layers and head as graphs of ONNX Runtime. */
async function loadGraphs(options: ReturnType<typeof onGraphs<LoadShardOptions>>): Promise<ShardRunner> {
  const { model, ort, gpu, backend } = options
  const { tensors, config } = model
  const emit = emitOptionsOf(options)
  const graphs = emitShard(model, options, emit)
  const { reading, embedding, onWarmUp } = await readStart(options, (held) => bytesToRead(partsOfShard(graphs), tensors, held))
  const openHead: OpenGpuHead = (plan, build, space) => openGpuHead({ gpu: gpuOf(gpu), floatType: emit.floatType, plan }, build, space)
  const graphsOpened = await openShardGraphs(ort, graphs, fromCheckpoint(reading), sessionOptionsOf(options), openHead)
  onWarmUp()
  const opened: Opened = { heldBytes: heldByGraphs(graphsOpened), fidelity: fidelityOfGraphs(graphsOpened), embedding }
  if (backend === 'wasm') return finish(wasmEngine({ ort, config, graphs: graphsOpened }), options, opened)
  return finish(webgpuEngine({ ort, config, graphs: graphsOpened, gpu: gpuOf(gpu), floatType: emit.floatType }), options, opened)
}
