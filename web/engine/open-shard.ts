/** Opens shards in a browser: the right onnxruntime bundle, and one GPU device for ORT and our kernels. */
import type { Capabilities } from '../../protocol/cluster.ts'
import type { OpenShard } from '../../runtime/ring/device.ts'
import type { BackendRuntime } from '../../runtime/engines/load-options.ts'
import { loadShard } from '../../runtime/engines/load-shard.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import { openGpu } from './gpu.ts'
import { openKernels } from './simd-kernels.ts'

/** Served beside the page: no CDN (COEP would refuse it, and a ring must work without the internet). */
const ORT_FOLDER = '/ort/'

/** A shared memory's maximum is promised when it is made, and phones refuse large promises: what is pledged, with room for one more cache. */
const kernelBytes = (pledged: number): number => 1.25 * pledged

/** What a backend runs on. @throws {ClusterError} unsupported_backend, source_unavailable */
export async function openRuntime({ backend, threads, memoryBytes }: Capabilities): Promise<BackendRuntime> {
  if (backend === 'simd') return { backend, simd: await openKernels(threads, kernelBytes(memoryBytes)) }
  const ort = await loadOrt({ backend, numThreads: threads, wasmPaths: ORT_FOLDER })
  return { backend, ort, ...(backend === 'webgpu' ? { gpu: await openGpu() } : {}) }
}

export const openShardInBrowser: OpenShard = async ({ capabilities, ...shard }) => loadShard({ ...shard, ...(await openRuntime(capabilities)) })
