import { ClusterError } from '../../protocol/errors.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import type { FloatType } from './weight-plan.ts'

/** Backends that run a generated graph. */
export type GraphBackend = 'webgpu' | 'wasm'

export type EmitOptions = {
  readonly backend: GraphBackend
  readonly weightFormat: WeightFormat
  /** Rows of the rotary tables: no sequence is longer. */
  readonly contextLength: number
  /** The one float type of the graph: f16 only where the device has shader-f16. */
  readonly floatType: FloatType
}

/** Weight formats with a correct kernel on a backend. MatMulNBits on WASM is left out: each call unpacks the whole matrix to f32. */
const FORMATS = { webgpu: ['f32', 'f16', 'int4'], wasm: ['f32', 'int8'] } as const satisfies Record<GraphBackend, readonly WeightFormat[]>

/** Refuses what would load and then compute something else, or not at all. @throws {ClusterError} unsupported_backend */
export function checkEmitOptions({ backend, weightFormat, floatType }: EmitOptions): void {
  const formats: readonly WeightFormat[] = FORMATS[backend]
  if (!formats.includes(weightFormat)) {
    throw new ClusterError('unsupported_backend', `the ${backend} backend holds weights as ${formats.join(', ')}, not ${weightFormat}`)
  }
  if (floatType === 'f16' && backend === 'wasm') throw new ClusterError('unsupported_backend', 'the wasm backend computes in f32, not f16')
  if (weightFormat === 'f16' && floatType !== 'f16')
    throw new ClusterError('unsupported_backend', 'f16 weights need a GPU with shader-f16; choose int4 or f32')
  if (weightFormat === 'f32' && floatType !== 'f32') throw new ClusterError('unsupported_backend', 'f32 weights are computed in f32, not f16')
}
