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
let tickets = 0

/** In the page's one worker; several at once are well. */
export function read(task: Task): Promise<Answer> {
  worker ??= new Worker(new URL('./reading.worker.ts', import.meta.url), { type: 'module' })
  const running = worker
  const ticket = ++tickets
  return new Promise((resolve, reject) => {
    running.addEventListener('message', ({ data }: MessageEvent<{ ticket: number; answer: Answer }>) => {
      if (data.ticket === ticket) resolve(data.answer)
    })
    running.addEventListener('error', (event) => reject(new Error(event.message)), { once: true })
    running.postMessage({ ticket, task })
  })
}

async function pieceFiles(): Promise<{ folder: FileSystemDirectoryHandle; names: readonly string[] }> {
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('ringlet-models')
  for await (const folder of root.values()) {
    if (!(folder instanceof FileSystemDirectoryHandle)) continue
    const names: string[] = []
    for await (const name of folder.keys()) names.push(name)
    if (names.some((name) => name.startsWith('piece-'))) return { folder, names: names.filter((name) => name.startsWith('piece-')).sort() }
  }
  throw new Error('nothing is kept')
}

/** Deletes the first piece of the only model, flips a bit of the second and cuts off the third; returns their names. */
export async function damage(): Promise<readonly string[]> {
  const { folder, names } = await pieceFiles()
  const [gone = '', wrong = '', short = ''] = names
  await folder.removeEntry(gone)
  const file = await folder.getFileHandle(wrong)
  const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer())
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  const writing = await file.createWritable()
  await writing.write(bytes)
  await writing.close()
  const cutting = await (await folder.getFileHandle(short)).createWritable({ keepExistingData: true })
  await cutting.truncate(100)
  await cutting.close()
  return [gone, wrong, short]
}
