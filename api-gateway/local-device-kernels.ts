/** The compiled kernels from this checkout's disk, for runners in Node. */
import { readFile } from 'node:fs/promises'
import { compileKernels, type SimdKernels } from '../runtime/simd/simd-kernels.ts'

/** @throws {ClusterError} unsupported_backend; an Error when `npm run build` never ran */
export const loadKernels = async (): Promise<SimdKernels> =>
  compileKernels(new Uint8Array(await readFile(new URL('../dist/kernels/kernels.wasm', import.meta.url))))
