/** The compiled kernels from this checkout's disk, for runners in Node, with threads of Node's. */
import { readFile } from 'node:fs/promises'
import { hasRelaxedSimd } from '../runtime/simd/relaxed-simd.ts'
import { compileKernels, compileThreadedKernels, type SimdKernels, type SpawnThread } from '../runtime/simd/simd-kernels.ts'
import { spawnWorker } from './spawn-worker.ts'

const moduleBytes = async (file: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(new URL(`../dist/kernels/${file}`, import.meta.url)))

/** The best module that the engine takes. */
const fileFor = (threads: number): string => `kernels${hasRelaxedSimd() ? '-relaxed' : ''}${threads === 1 ? '' : '-shared'}.wasm`

const spawn: SpawnThread = (job) =>
  new Promise((resolve, reject) => {
    const worker = spawnWorker(new URL('./local-device-thread-worker.ts', import.meta.url), { workerData: job })
    // A thread sleeps between programs: it must not keep the process.
    worker.unref()
    worker.once('message', () => resolve())
    worker.once('error', reject)
  })

/** The module by itself, for one thread. */
export const compiledKernels = async (): Promise<WebAssembly.Module> => WebAssembly.compile(await moduleBytes(fileFor(1)))

/** @param maxBytes largest memory of a shard @throws {ClusterError} unsupported_backend; an Error when `npm run build` never ran */
export async function loadKernels(threads = 1, maxBytes = 2 ** 32): Promise<SimdKernels> {
  const bytes = await moduleBytes(fileFor(threads))
  return threads === 1 ? compileKernels(bytes) : compileThreadedKernels(bytes, { threads, maxBytes, spawn })
}
