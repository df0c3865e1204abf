/** The compiled kernels, started on a shard's memory. */
import { ClusterError } from '../../protocol/errors.ts'
import type { RunProgram } from './simd-engine.ts'

export type SimdKernels = {
  /** Threads that divide each operation's rows. */
  readonly threads: number
  readonly start: (memory: WebAssembly.Memory, frame: number) => { readonly run: RunProgram; readonly release: () => void }
}

type Run = (frame: number, code: number, part: number, parts: number) => void
const isRun = (value: unknown): value is Run => typeof value === 'function'

/** `run` of the module over a memory. @throws {ClusterError} unsupported_backend */
function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Run {
  const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports
  if (isRun(run)) return run
  throw new ClusterError('unsupported_backend', 'the module of kernels has no function run')
}

/** All on the calling thread. @param bytes of kernels.wasm @throws {ClusterError} unsupported_backend where the engine has no SIMD */
export async function compileKernels(bytes: Uint8Array<ArrayBuffer>): Promise<SimdKernels> {
  const module = await WebAssembly.compile(bytes).catch((cause: unknown) => {
    throw new ClusterError('unsupported_backend', 'this engine does not take the SIMD kernels; use the wasm backend', { cause })
  })
  return {
    threads: 1,
    start: (memory, frame) => {
      const run = instantiate(module, memory)
      return {
        run: (code) => {
          run(frame, code, 0, 1)
          return Promise.resolve()
        },
        release: () => undefined,
      }
    },
  }
}
