/** A device with what the adapter has, for page modules. */
import { deviceFeatures } from '../../web/engine/gpu-features.ts'
import { compileKernels } from '../../web/engine/gpu-kernels.ts'
import type { RunnerGpu } from '../../runtime/engines/gpu-kernels.ts'

/** @throws {Error} when there is no adapter: the caller's test is skipped or fails, never passes */
export async function openDevice(features = deviceFeatures): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter()
  if (!adapter) throw new Error('no WebGPU adapter')
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX } =
    adapter.limits
  const device = await adapter.requestDevice({
    requiredFeatures: features(adapter),
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

export async function openRunnerGpu(features = deviceFeatures): Promise<RunnerGpu> {
  const device = await openDevice(features)
  return { device, kernels: await compileKernels(device) }
}
