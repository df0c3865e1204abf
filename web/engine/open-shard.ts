/** Opens shards in a browser: the right onnxruntime bundle, and one GPU device for ORT and our kernels. */
import type { OpenShard } from '../../runtime/device.ts'
import { loadShard } from '../../runtime/load-shard.ts'
import { loadOrt } from '../../runtime/ort.ts'
import { openGpu } from './gpu.ts'
import { openKernels } from './simd-kernels.ts'

/** Served beside the page: no CDN (COEP would refuse it, and a ring must work without the internet). */
const ORT_FOLDER = '/ort/'

export const openShardInBrowser: OpenShard = async ({ capabilities, ...shard }) => {
  const { backend, threads } = capabilities
  if (backend === 'simd') return loadShard({ ...shard, backend, simd: await openKernels() })
  const ort = await loadOrt({ backend, numThreads: threads, wasmPaths: ORT_FOLDER })
  return loadShard({ ...shard, backend, ort, ...(backend === 'webgpu' ? { gpu: await openGpu() } : {}) })
}
