/** A device with what the adapter has, for page modules. */
import { compileKernels } from '../../web/engine/gpu-kernels.ts'
import type { RunnerGpu } from '../../runtime/webgpu-engine.ts'

/** @throws {Error} when there is no adapter: the caller's test is skipped or fails, never passes */
export async function openDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter()
  if (!adapter) throw new Error('no WebGPU adapter')
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX } =
    adapter.limits
  const wanted: GPUFeatureName[] = ['shader-f16', 'subgroups']
  const device = await adapter.requestDevice({
    requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
    requiredLimits: {
      maxBufferSize,
      maxStorageBufferBindingSize,
      maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX,
    },
  })
  device.addEventListener('uncapturederror', (event) => console.error(`GPU: ${event.error.message}`))
  return device
}

export async function openRunnerGpu(): Promise<RunnerGpu> {
  const device = await openDevice()
  return { device, kernels: await compileKernels(device) }
}
