/** What threads of a page reach with plain loops, all of them at once. */
import type { RoofReply, RoofTask } from './roof.worker.ts'
import type { Roof } from './roof.ts'

/** More than caches hold, on every thread. */
const BYTES = 256 * 2 ** 20

function inWorker(task: RoofTask): Promise<Roof> {
  const worker = new Worker(new URL('./roof.worker.ts', import.meta.url), { type: 'module' })
  return new Promise<Roof>((resolve, reject) => {
    worker.addEventListener('error', ({ message }) => reject(new Error(`the plain loops did not run: ${message}`)))
    worker.addEventListener('message', ({ data }: MessageEvent<RoofReply>) => ('roof' in data ? resolve(data.roof) : reject(new Error(data.error))))
    worker.postMessage(task)
  }).finally(() => worker.terminate())
}

/** Rates of all threads together. */
export async function measure(threads: number): Promise<Roof> {
  const response = await fetch('/dist/kernels/roof.wasm')
  if (!response.ok) throw new Error(`the plain loops could not be fetched: HTTP ${response.status}`)
  const module = new Uint8Array(await response.arrayBuffer())
  const all = await Promise.all(Array.from({ length: threads }, () => inWorker({ module, bytes: BYTES / threads })))
  const sum = (of: (roof: Roof) => number): number => all.reduce((total, roof) => total + of(roof), 0)
  return {
    readBytes: sum(({ readBytes }) => readBytes),
    copyBytes: sum(({ copyBytes }) => copyBytes),
    integerProducts: sum(({ integerProducts }) => integerProducts),
    floatProducts: sum(({ floatProducts }) => floatProducts),
  }
}
