import { ClusterError } from '../../protocol/errors.ts'
import type { Holding } from '../cluster/sizing.ts'
import type { Backend, FloatType, WeightFormat } from '../../protocol/cluster.ts'

/** Backends that run a generated graph. */
export type GraphBackend = 'webgpu' | 'wasm'

export type EmitOptions = {
  readonly backend: GraphBackend
  readonly weightFormat: WeightFormat
  /** Rows of the rotary tables: no sequence is longer. */
  readonly contextLength: number
  /** The one float type of the graph: f16 only where the device has shader-f16. */
  readonly floatType: FloatType
  /** Weights below which a part of a shard is no graph of its own (`shard-graphs.ts`); tests cut small models with it. */
  readonly leastPartBytes?: number
}

/** Weight formats with a correct kernel on a backend. MatMulNBits on WASM is left out: each call unpacks the whole matrix to f32. */
const FORMATS: Readonly<Record<Backend, readonly WeightFormat[]>> = {
  webgpu: ['f32', 'f16', 'int8', 'int4'],
  simd: ['f32', 'f16', 'int8', 'int4'],
  wasm: ['f32', 'int8'],
}

/** What a device can hold weights in, from the most exact to the smallest. @param floatType what it computes in at best */
export const formatsOf = (backend: Backend, floatType: FloatType): readonly WeightFormat[] =>
  FORMATS[backend].filter((format) => format !== 'f16' || backend === 'simd' || floatType === 'f16')

/** The one float type of a graph: f16 where the device computes in it, unless weights or model ask for more. */
export function floatTypeOf({ backend, weightFormat, floatType }: Holding, needsF32: boolean): FloatType {
  if (backend !== 'webgpu' || weightFormat === 'f32') return 'f32'
  // f16 weights leave no choice: a model that needs more is refused.
  return weightFormat !== 'f16' && needsF32 ? 'f32' : floatType
}

/** @throws {ClusterError} unsupported_backend */
export function checkFormat(backend: Backend, weightFormat: WeightFormat): void {
  const formats = FORMATS[backend]
  if (formats.includes(weightFormat)) return
  throw new ClusterError('unsupported_backend', `the ${backend} backend holds weights as ${formats.join(', ')}, not ${weightFormat}`)
}

/** Refuses what would load and then compute something else, or not at all. @throws {ClusterError} unsupported_backend */
export function checkEmitOptions({ backend, weightFormat, floatType }: EmitOptions): void {
  checkFormat(backend, weightFormat)
  if (floatType === 'f16' && backend === 'wasm') throw new ClusterError('unsupported_backend', 'the wasm backend computes in f32, not f16')
  if (weightFormat === 'f16' && floatType !== 'f16')
    throw new ClusterError('unsupported_backend', 'f16 weights need a GPU with shader-f16; choose int4 or f32')
  if (weightFormat === 'f32' && floatType !== 'f32') throw new ClusterError('unsupported_backend', 'f32 weights are computed in f32, not f16')
}
