/** A shard from a checkpoint: reads its own layers' bytes, builds the graph for the backend, compiles and warms it up. */
import { architectureOf } from '../core/arch/registry.ts'
import { emitHead, emitLayers } from '../core/graph/emit.ts'
import { floatTypeOf, type EmitOptions, type GraphBackend } from '../core/graph/emit-options.ts'
import type { EmittedGraph } from '../core/graph/graph-builder.ts'
import type { ModelDescription } from '../core/model/model-description.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import { readTensors } from '../core/model/read-tensors.ts'
import type { TensorLocation } from '../core/model/safetensors.ts'
import type { WeightFormat } from '../protocol/cluster.ts'
import { ClusterError } from '../protocol/errors.ts'
import type { EmbeddingTable } from './embedding.ts'
import type { Engine } from './engine.ts'
import { bytesToRead, openGraph, type OpenedGraph, type SessionOptions, type WeightReading } from './open-graph.ts'
import type { Ort } from './ort.ts'
import { createRunner } from './runner.ts'
import type { LoadProgress, ShardRunner } from './shard-runner.ts'
import { warmUp } from './warm-up.ts'
import { wasmEngine } from './wasm-engine.ts'
import { gpuOf, webgpuEngine, webgpuSessionOptions, type RunnerGpu } from './webgpu-engine.ts'

export type LoadShardOptions = {
  readonly source: ModelSource
  readonly model: ModelDescription
  /** Half-open layer range `[startLayer, endLayer)`. */
  readonly startLayer: number
  readonly endLayer: number
  readonly backend: GraphBackend
  readonly weightFormat: WeightFormat
  /** Tokens a sequence may hold. */
  readonly contextLength: number
  /** From `loadOrt` with the same backend. */
  readonly ort: Ort
  /** For the webgpu backend: the device that ORT and the kernels share, and the kernels compiled on it. */
  readonly gpu?: RunnerGpu
  readonly onProgress?: (progress: LoadProgress) => void
  readonly signal?: AbortSignal
}

type Table = { readonly tensor: string; readonly location: TensorLocation; readonly build: (bytes: Uint8Array) => EmbeddingTable }

/** The rows of the first shard, as stored. */
function embeddingOf(model: ModelDescription): Table {
  const { weight, scale } = architectureOf(model.config.modelType).embedding(model.config)
  const location = model.tensors.get(weight.tensor)
  if (!location?.type || location.shape.join() !== weight.shape.join()) {
    throw new ClusterError('bad_checkpoint', `tensor ${weight.tensor} is missing or has another shape than config.json says`)
  }
  const [rows = 0, width = 0] = weight.shape
  const { type } = location
  return { tensor: weight.tensor, location, build: (bytes) => ({ bytes, type, rows, width, scale }) }
}

async function readTable({ tensor, location, build }: Table, reading: WeightReading): Promise<EmbeddingTable> {
  const bytes = (await readTensors(reading.source, new Map([[tensor, location]]), reading)).get(tensor)
  if (!bytes) throw new ClusterError('bad_checkpoint', `tensor ${tensor} was not read`)
  return build(bytes)
}

type Progress = { readonly onBytes: (count: number) => void; readonly onPhase: (phase: LoadProgress['phase']) => void }

function progressOf(totalBytes: number, onProgress: LoadShardOptions['onProgress']): Progress {
  let [loadedBytes, phase]: [number, LoadProgress['phase']] = [0, 'downloading']
  const report = (): void => onProgress?.({ phase, loadedBytes, totalBytes })
  report()
  return {
    onBytes: (count) => {
      loadedBytes += count
      report()
    },
    onPhase: (next) => {
      phase = next
      report()
    },
  }
}

function checkRange({ model, startLayer, endLayer, contextLength }: LoadShardOptions): void {
  if (!(startLayer >= 0 && startLayer < endLayer && endLayer <= model.config.numLayers)) {
    throw new ClusterError('invalid_value', `layers ${startLayer} to ${endLayer} of a model of ${model.config.numLayers}`)
  }
  if (!(contextLength >= 1)) throw new ClusterError('invalid_value', `a context of ${contextLength} tokens`)
}

function emitOptionsOf({ model, backend, weightFormat, contextLength, gpu }: LoadShardOptions): EmitOptions {
  const { needsF32 = false } = architectureOf(model.config.modelType)
  const floatType = gpu?.device.features.has('shader-f16') ? 'f16' : 'f32'
  return { backend, weightFormat, contextLength, floatType: floatTypeOf({ backend, weightFormat, floatType }, needsF32) }
}

type Parts = { readonly body: OpenedGraph; readonly head: OpenedGraph | null; readonly embedding: EmbeddingTable | null }

/** How far a prompt at once and in pieces may part: rounding in f32; in narrower formats also activations quantized by the chunk. */
const toleranceOf = ({ backend, weightFormat }: LoadShardOptions): number | null => (backend === 'wasm' ? null : weightFormat === 'f32' ? 0.001 : 0.2)

async function finish<Cache>(engine: Engine<Cache>, options: LoadShardOptions, { body, head, embedding }: Parts): Promise<ShardRunner> {
  const { model, startLayer, endLayer, contextLength } = options
  const { hiddenSize } = model.config
  try {
    await warmUp(engine, { hiddenSize, isLast: head !== null, contextLength, tolerance: toleranceOf(options) })
  } catch (error) {
    await engine.dispose()
    throw error
  }
  const heldBytes = body.heldBytes + (head?.heldBytes ?? 0) + (embedding?.bytes.length ?? 0)
  return createRunner({ engine, startLayer, endLayer, hiddenSize, heldBytes, contextLength, embedding, isLast: head !== null })
}

/** Both sessions, or none. */
async function openGraphs(
  options: LoadShardOptions,
  graphs: Graphs,
  reading: WeightReading,
  onCompile: () => void,
): Promise<Omit<Parts, 'embedding'>> {
  const { ort, backend, gpu } = options
  const sessionOptions: SessionOptions = backend === 'wasm' ? { executionProviders: ['wasm'] } : webgpuSessionOptions(gpu)
  const body = await openGraph(ort, graphs.body, reading, sessionOptions, onCompile)
  try {
    return { body, head: graphs.head ? await openGraph(ort, graphs.head, reading, sessionOptions, onCompile) : null }
  } catch (error) {
    await body.release()
    throw error
  }
}

type Graphs = { readonly body: EmittedGraph; readonly head: EmittedGraph | null }

/**
 * Loads layers [startLayer, endLayer) and, at the ends, the embedding table and the head. Reads only their bytes.
 * @throws {ClusterError} unsupported_backend, unsupported_model, bad_checkpoint, source_unavailable, not_enough_memory, cancelled
 */
export async function loadShard(options: LoadShardOptions): Promise<ShardRunner> {
  checkRange(options)
  const { model, ort, source, startLayer, endLayer, signal } = options
  const { tensors, config } = model
  const emit = emitOptionsOf(options)
  const graphs: Graphs = { body: emitLayers(model, options, emit), head: endLayer === config.numLayers ? emitHead(model, emit) : null }
  const table = startLayer === 0 ? embeddingOf(model) : null
  const toRead = bytesToRead(graphs.body, tensors) + (graphs.head ? bytesToRead(graphs.head, tensors) : 0)
  const progress = progressOf(toRead + (table ? table.location.end - table.location.start : 0), options.onProgress)
  const reading: WeightReading = { source, tensors, onBytes: progress.onBytes, ...(signal ? { signal } : {}) }
  const embedding = table ? await readTable(table, reading) : null
  const parts = { ...(await openGraphs(options, graphs, reading, () => progress.onPhase('compiling'))), embedding }
  progress.onPhase('warming-up')
  const shared = { ort, config, ...parts }
  if (options.backend === 'wasm') return finish(wasmEngine(shared), options, parts)
  return finish(webgpuEngine({ ...shared, gpu: gpuOf(options.gpu), floatType: emit.floatType }), options, parts)
}
