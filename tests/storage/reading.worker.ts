/** Reads a checkpoint as the engine's worker does: over HTTP, through what the browser keeps. */
import { httpSource } from '../../core/model/http-source.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { systemClock as clock } from '../../runtime/system-clock.ts'
import { openStorage, type Storage } from '../../web/storage/storage.ts'
import type { StorageState } from '../../web/storage/model-store.ts'
import type { Answer, Task } from './reading.page.ts'

let state: StorageState | null = null
const log = (message: string, fields: Record<string, unknown>): void => console.warn(message, fields)
const { navigator, caches } = self
const storageOf = (forbids: Task['forbids']): Storage =>
  openStorage(
    {
      isSecureContext: self.isSecureContext && !forbids.includes('secure'),
      storage: forbids.includes('opfs') ? undefined : navigator.storage,
      caches: forbids.includes('cache') ? undefined : caches,
    },
    { clock, log, onState: (next) => (state = next), isOnline: () => true },
  )
let storage: Storage | null = null

const hex = (buffer: ArrayBuffer): string => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('')

async function run({ address, texts, ranges, remove, forbids }: Task): Promise<Answer> {
  storage ??= storageOf(forbids)
  if (remove) await storage.remove(null)
  const options = {
    fetch: (url: string, init: RequestInit) => fetch(url, init),
    clock,
    random: Math.random,
    pageOrigin: self.location.origin,
    isIsolated: self.crossOriginIsolated,
    sha256: (bytes: Uint8Array<ArrayBuffer>) => crypto.subtle.digest('SHA-256', bytes),
  }
  const source = storage.wrap(httpSource(address, options))
  const digests: string[] = []
  const found: (string | null)[] = []
  try {
    for (const text of texts) found.push(await source.readText(text))
    for (const { file, start, end } of ranges)
      digests.push(hex(await crypto.subtle.digest('SHA-256', new Uint8Array(await source.readRange(file, start, end)))))
  } catch (error) {
    const told = error instanceof ClusterError ? { code: error.code, message: error.message } : { code: 'untyped', message: String(error) }
    return { digests, texts: found, error: told, models: await storage.list(), state }
  }
  return { digests, texts: found, error: null, models: await storage.list(), state }
}

self.addEventListener('message', ({ data: { ticket, task } }: MessageEvent<{ ticket: number; task: Task }>) => {
  void run(task).then((answer) => self.postMessage({ ticket, answer }))
})
