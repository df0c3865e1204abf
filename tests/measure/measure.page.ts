/** Backends measured in a page, as a device does when it joins. */
import { measureBackend, type Measurement } from '../../runtime/measure/measure-backend.ts'
import { referenceModel } from '../../runtime/measure/reference-model.ts'
import { loadShard } from '../../runtime/load-shard.ts'
import { loadOrt } from '../../runtime/ort.ts'
import type { Backend } from '../../protocol/cluster.ts'
import { openKernels } from '../../web/engine/simd-kernels.ts'
import { openRunnerGpu } from '../harness/gpu.page.ts'

export async function measure({ backend, wasmPaths }: { backend: Backend; wasmPaths: string }): Promise<{ measurement: Measurement; ms: number }> {
  const start = performance.now()
  const measurement = await measureBackend(
    {
      model: referenceModel(),
      capabilities: { backend, weightFormats: ['f32'], floatType: 'f32', memoryBytes: 2 ** 30, threads: 1, hardware: '' },
      formats: backend === 'wasm' ? ['f32', 'int8'] : ['f32', 'int8', 'int4'],
      checks: true,
    },
    {
      open: async () => {
        if (backend === 'simd') return { backend, simd: await openKernels() }
        const ort = await loadOrt({ backend, numThreads: 1, wasmPaths })
        return { backend, ort, ...(backend === 'webgpu' ? { gpu: await openRunnerGpu() } : {}) }
      },
      openShard: loadShard,
      now: () => performance.now(),
    },
  )
  return { measurement, ms: performance.now() - start }
}
