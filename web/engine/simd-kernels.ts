/** The compiled kernels, served beside the page, with as many threads as the device lends where the page may share memory. */
import { ClusterError } from '../../protocol/errors.ts'
import { hasRelaxedSimd } from '../../runtime/simd/relaxed-simd.ts'
import { compileKernels, compileThreadedKernels, type SimdKernels, type SpawnThread } from '../../runtime/simd/simd-kernels.ts'
import relaxedSharedUrl from '../../dist/kernels/kernels-relaxed-shared.wasm?url'
import relaxedUrl from '../../dist/kernels/kernels-relaxed.wasm?url'
import sharedUrl from '../../dist/kernels/kernels-shared.wasm?url'
import plainUrl from '../../dist/kernels/kernels.wasm?url'

async function fetchModule(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url)
  if (!response.ok) throw new ClusterError('source_unavailable', `the kernels could not be fetched: HTTP ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

const spawn: SpawnThread = (job) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./simd-thread-worker.ts', import.meta.url), { type: 'module' })
    worker.addEventListener('message', () => resolve(), { once: true })
    worker.addEventListener('error', ({ message }) => reject(new ClusterError('unsupported_backend', `a thread did not start: ${message}`)))
    worker.postMessage(job)
  })

/** Only an isolated page shares memory with its workers. */
const canShare = (): boolean => globalThis.crossOriginIsolated && typeof SharedArrayBuffer === 'function'

/** @param maxBytes largest memory of a shard @throws {ClusterError} unsupported_backend, source_unavailable */
export async function openKernels(threads = 1, maxBytes = 2 ** 32): Promise<SimdKernels> {
  const isRelaxed = hasRelaxedSimd()
  if (threads === 1 || !canShare()) return compileKernels(await fetchModule(isRelaxed ? relaxedUrl : plainUrl))
  return compileThreadedKernels(await fetchModule(isRelaxed ? relaxedSharedUrl : sharedUrl), { threads, maxBytes, spawn })
}
