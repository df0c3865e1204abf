import type { Capabilities } from '../protocol/cluster.ts'
import type { BackendRuntime } from '../runtime/engines/load-options.ts'
import { loadOrt } from '../runtime/engines/ort.ts'
import { loadKernels } from './local-device-kernels.ts'

/** What a backend runs on in Node. @throws {ClusterError} unsupported_backend */
export async function openRuntime({ backend, threads, memoryBytes }: Capabilities): Promise<BackendRuntime> {
  if (backend === 'simd') return { backend, simd: await loadKernels(threads, memoryBytes * 1.25) }
  return { backend: 'wasm', ort: await loadOrt({ backend: 'wasm', numThreads: threads }) }
}
