/** The compiled kernels, started on a shard's memory: on the calling thread alone, or with a pool of threads beside it. */
import { ClusterError } from '../../protocol/errors.ts'
import { callThreads, instantiate, instantiateHold, type HoldKernel, type RunProgram, type ThreadJob } from './thread-loop.ts'

type Started = { readonly run: RunProgram; readonly release: () => void }

export type SimdKernels = {
  /** Threads that take pieces of each pass, the calling one included. */
  readonly threads: number
  /** Largest memory of a shard: a shared one is told before it can grow. */
  readonly maxBytes: number
  /** What weights are brought into their form with, before `start`. */
  readonly hold: (memory: WebAssembly.Memory) => HoldKernel
  readonly start: (memory: WebAssembly.Memory, frame: number) => Promise<Started>
}

/** Starts a thread that calls `servePasses`; resolves when it is ready. */
export type SpawnThread = (job: ThreadJob) => Promise<void>

const ADDRESSABLE_BYTES = 2 ** 32

async function compile(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  return WebAssembly.compile(bytes).catch((cause: unknown) => {
    throw new ClusterError('unsupported_backend', 'this engine does not take the SIMD kernels; use the wasm backend', { cause })
  })
}

/** All on the calling thread. @param bytes of kernels.wasm @throws {ClusterError} unsupported_backend where the engine has no SIMD */
export async function compileKernels(bytes: Uint8Array<ArrayBuffer>): Promise<SimdKernels> {
  const module = await compile(bytes)
  return {
    threads: 1,
    maxBytes: ADDRESSABLE_BYTES,
    hold: (memory) => instantiateHold(module, memory),
    start: (memory, frame) => {
      const { run } = instantiate(module, memory)
      return Promise.resolve({ run: (code) => run(frame, code), release: () => undefined })
    },
  }
}

export type ThreadOptions = {
  /** Two and more. */
  readonly threads: number
  /** Largest memory of a shard. */
  readonly maxBytes: number
  readonly spawn: SpawnThread
}

/**
 * The calling thread takes pieces like the others, and waits for those that they have begun, as only a worker may.
 * @param bytes of kernels-shared.wasm
 * @throws {ClusterError} unsupported_backend
 */
export async function compileThreadedKernels(bytes: Uint8Array<ArrayBuffer>, { threads, maxBytes, spawn }: ThreadOptions): Promise<SimdKernels> {
  const module = await compile(bytes)
  return {
    threads,
    maxBytes: Math.min(maxBytes, ADDRESSABLE_BYTES),
    hold: (memory) => instantiateHold(module, memory),
    start: async (memory, frame) => {
      const kernels = instantiate(module, memory)
      const words = new Int32Array(memory.buffer)
      const jobs = Array.from({ length: threads - 1 }, (_, i): ThreadJob => ({ module, memory, frame, thread: i + 1, threads }))
      await Promise.all(jobs.map(spawn))
      return {
        run: (code) => {
          callThreads(kernels, words, frame, code)
          kernels.take(frame, 0, threads)
        },
        release: () => callThreads(kernels, words, frame, 0),
      }
    },
  }
}
