/** GPU buffers of the runner: scratch that grows, caches that may fail to allocate, and the way back to the CPU. */

/** ONNX Runtime asks for sizes in multiples of 16. */
const ALIGNMENT = 16

export type GrowingBuffer = { readonly atLeast: (bytes: number) => GPUBuffer }

export type GpuMemory = {
  /** A buffer that is replaced by a larger one when needed; what it held is lost then. */
  readonly growing: (label: string) => GrowingBuffer
  /** One buffer each, zeros; `allocated` gives the device's error, if any. */
  readonly allocate: (wanted: readonly { readonly label: string; readonly bytes: number }[]) => {
    readonly buffers: readonly GPUBuffer[]
    readonly allocated: Promise<GPUError | null>
  }
  readonly write: (buffer: GPUBuffer, bytes: Uint8Array) => void
  readonly encode: (record: (encoder: GPUCommandEncoder) => void) => void
  /** The first `bytes` of a buffer, in memory of their own. */
  readonly read: (buffer: GPUBuffer, bytes: number) => Promise<Uint8Array>
  /** When what was written has left the memory it was written from. */
  readonly flushed: () => Promise<void>
  /** Frees the growing buffers. */
  readonly destroy: () => void
}

export function createGpuMemory(device: GPUDevice): GpuMemory {
  const scratch = new Map<string, GPUBuffer>()
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
  const create = (label: string, bytes: number): GPUBuffer =>
    device.createBuffer({ label, size: Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT), usage })

  function atLeast(label: string, bytes: number): GPUBuffer {
    const held = scratch.get(label)
    if (held && held.size >= bytes) return held
    held?.destroy()
    const grown = create(label, bytes)
    scratch.set(label, grown)
    return grown
  }

  return {
    growing: (label) => ({ atLeast: (bytes) => atLeast(label, bytes) }),
    allocate: (wanted) => {
      device.pushErrorScope('out-of-memory')
      device.pushErrorScope('validation')
      const buffers = wanted.map(({ label, bytes }) => create(label, bytes))
      const allocated = Promise.all([device.popErrorScope(), device.popErrorScope()]).then(([invalid, exhausted]) => exhausted ?? invalid)
      return { buffers, allocated }
    },
    write: (buffer, bytes) => device.queue.writeBuffer(buffer, 0, bytes.buffer, bytes.byteOffset, bytes.byteLength),
    encode: (record) => {
      const encoder = device.createCommandEncoder({ label: 'runner' })
      record(encoder)
      device.queue.submit([encoder.finish()])
    },
    read: async (buffer, bytes) => {
      const size = Math.ceil(bytes / 4) * 4
      const staging = device.createBuffer({ label: 'runner.staging', size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
      try {
        const encoder = device.createCommandEncoder({ label: 'runner.read' })
        encoder.copyBufferToBuffer(buffer, 0, staging, 0, size)
        device.queue.submit([encoder.finish()])
        await staging.mapAsync(GPUMapMode.READ)
        return new Uint8Array(staging.getMappedRange().slice(0)).subarray(0, bytes)
      } finally {
        staging.destroy()
      }
    },
    flushed: async () => {
      await device.queue.onSubmittedWorkDone()
    },
    destroy: () => {
      for (const buffer of scratch.values()) buffer.destroy()
      scratch.clear()
    },
  }
}
