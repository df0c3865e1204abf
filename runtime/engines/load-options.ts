/** What a shard is loaded from, and on what it is to run. */
import { architectureOf } from '../../core/arch/registry.ts'
import { floatTypeOf, type EmitOptions, type GraphBackend } from '../../core/graph/emit-options.ts'
import type { TensorError } from '../../core/graph/fidelity.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import type { Backend, WeightFormat } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { SessionOptions } from './open-graph.ts'
import type { Ort } from './ort.ts'
import type { LoadProgress } from '../shard-runner.ts'
import type { SimdKernels } from '../simd/simd-kernels.ts'
import type { RunnerGpu } from './gpu-kernels.ts'
import { webgpuSessionOptions } from './webgpu-engine.ts'

/** A backend and what it runs on. */
export type BackendRuntime = {
  readonly backend: Backend
  /** From `loadOrt` with the same backend, for those that run graphs. */
  readonly ort?: Ort
  /** For the simd backend. */
  readonly simd?: SimdKernels
  /** For the webgpu backend: the device that ORT and the kernels share, and the kernels compiled on it. */
  readonly gpu?: RunnerGpu
}

export type LoadShardOptions = BackendRuntime & {
  readonly source: ModelSource
  readonly model: ModelDescription
  /** Half-open layer range `[startLayer, endLayer)`. */
  readonly startLayer: number
  readonly endLayer: number
  readonly weightFormat: WeightFormat
  /** Tokens a sequence may hold. */
  readonly contextLength: number
  readonly onProgress?: (progress: LoadProgress) => void
  /** Told once, of every matrix, when the weights are in their places. */
  readonly onTensorErrors?: (errors: readonly TensorError[]) => void
  readonly signal?: AbortSignal
  readonly leastPartBytes?: EmitOptions['leastPartBytes']
}

/** @throws {ClusterError} invalid_value */
export function checkRange({
  model,
  startLayer,
  endLayer,
  contextLength,
}: Pick<LoadShardOptions, 'model' | 'startLayer' | 'endLayer' | 'contextLength'>): void {
  if (!(startLayer >= 0 && startLayer < endLayer && endLayer <= model.config.numLayers)) {
    throw new ClusterError('invalid_value', `layers ${startLayer} to ${endLayer} of a model of ${model.config.numLayers}`)
  }
  if (!(contextLength >= 1)) throw new ClusterError('invalid_value', `a context of ${contextLength} tokens`)
}

/** What a graph is emitted for. */
export type ShardShape = BackendRuntime & Pick<LoadShardOptions, 'model' | 'weightFormat' | 'contextLength' | 'leastPartBytes'>
type OnGraphs<Options> = Options & { readonly backend: GraphBackend; readonly ort: Ort }

/** @throws {ClusterError} unsupported_backend when what the backend runs on was not given */
export function onGraphs<Options extends BackendRuntime>(options: Options): OnGraphs<Options> {
  const { backend, ort } = options
  if (backend !== 'simd' && ort) return { ...options, backend, ort }
  throw new ClusterError('unsupported_backend', `the ${backend} backend needs its runtime`)
}

export function emitOptionsOf({ model, backend, weightFormat, contextLength, gpu, leastPartBytes }: OnGraphs<ShardShape>): EmitOptions {
  const { needsF32 = false } = architectureOf(model.config.modelType)
  const floatType = floatTypeOf({ backend, weightFormat, floatType: gpu?.device.features.has('shader-f16') ? 'f16' : 'f32' }, needsF32)
  return { backend, weightFormat, contextLength, floatType, ...(leastPartBytes === undefined ? {} : { leastPartBytes }) }
}

export const sessionOptionsOf = ({ backend, gpu }: BackendRuntime): SessionOptions =>
  backend === 'wasm' ? { executionProviders: ['wasm'] } : webgpuSessionOptions(gpu)
