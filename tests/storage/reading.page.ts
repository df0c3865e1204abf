import type { StorageState, StoredModel } from '../../web/storage/model-store.ts'

export type Task = {
  readonly address: string
  readonly texts: readonly string[]
  readonly ranges: readonly { readonly file: string; readonly start: number; readonly end: number }[]
  /** Removes what is kept before. */
  readonly remove: boolean
  /** What this browser is made to lack; of the first task of a page. */
  readonly forbids: readonly ('secure' | 'opfs' | 'cache')[]
}
export type Answer = {
  /** SHA-256 of each range. */
  readonly digests: readonly string[]
  readonly texts: readonly (string | null)[]
  readonly error: { readonly code: string; readonly message: string } | null
  readonly models: readonly StoredModel[]
  readonly state: StorageState | null
}

let worker: Worker | null = null

/** In the page's one worker. */
export function read(task: Task): Promise<Answer> {
  worker ??= new Worker(new URL('./reading.worker.ts', import.meta.url), { type: 'module' })
  const running = worker
  return new Promise((resolve, reject) => {
    running.addEventListener('message', ({ data }: MessageEvent<Answer>) => resolve(data), { once: true })
    running.addEventListener('error', (event) => reject(new Error(event.message)), { once: true })
    running.postMessage(task)
  })
}
