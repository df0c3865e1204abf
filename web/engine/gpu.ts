/** The worker's one GPU device, shared by ONNX Runtime and our kernels, opened anew after a loss. */
import { ClusterError } from '../../protocol/errors.ts'
import type { RunnerGpu } from '../../runtime/engines/gpu-kernels.ts'
import { deviceFeatures } from './gpu-features.ts'
import { compileKernels } from './gpu-kernels.ts'
import { log } from './log.ts'

/** Raised to what the adapter allows: weights and caches are large buffers. */
const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const

let opened: Promise<RunnerGpu> | null = null
let lost = (): void => undefined

/** Called after each loss; a new device is opened by the next `openGpu`. */
export function onGpuLost(listener: () => void): void {
  lost = listener
}

async function open(): Promise<RunnerGpu> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new ClusterError('unsupported_backend', 'this browser gives no GPU adapter; use the wasm backend')
  const device = await adapter.requestDevice({
    label: 'ringlet',
    requiredFeatures: deviceFeatures(adapter),
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((limit) => [limit, adapter.limits[limit]])),
  })
  void device.lost.then(({ reason, message }) => {
    opened = null
    log('the GPU device was lost', { reason, message })
    lost()
  })
  return { device, kernels: await compileKernels(device) }
}

/** @throws {ClusterError} unsupported_backend */
export async function openGpu(): Promise<RunnerGpu> {
  opened ??= open()
  // A failed opening is not kept: the next shard may try again.
  opened.catch(() => (opened = null))
  return opened
}
