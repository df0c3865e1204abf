/** Opens shards in a browser: the right onnxruntime bundle, and one GPU device for ORT and our kernels. */
import type { OpenShard } from '../../runtime/device.ts'
import { loadShard } from '../../runtime/load-shard.ts'
import { loadOrt } from '../../runtime/ort.ts'
import { openGpu } from './gpu.ts'
import { openKernels } from './simd-kernels.ts'

/** Served beside the page: no CDN (COEP would refuse it, and a ring must work without the internet). */
const ORT_FOLDER = '/ort/'

/** A shared memory's maximum is promised when it is made, and phones refuse large promises: what is pledged, with room for one more cache. */
const kernelBytes = (pledged: number): number => 1.25 * pledged

export const openShardInBrowser: OpenShard = async ({ capabilities, ...shard }) => {
  const { backend, threads } = capabilities
  if (backend === 'simd') return loadShard({ ...shard, backend, simd: await openKernels(threads, kernelBytes(capabilities.memoryBytes)) })
  const ort = await loadOrt({ backend, numThreads: threads, wasmPaths: ORT_FOLDER })
  return loadShard({ ...shard, backend, ort, ...(backend === 'webgpu' ? { gpu: await openGpu() } : {}) })
}
