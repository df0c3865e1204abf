/** Pieces as files of the origin's private file system. Runs in a worker: only there files are written in place. */
import { isFull, isNamed, type Kept, type PieceStore } from './piece-store.ts'

const ROOT = 'ringlet-models'

const orNull = (error: unknown): null => {
  // Gone, or changed under the reader by another tab: it counts as not there and is fetched again.
  if (isNamed(error, 'NotFoundError', 'NotReadableError', 'TypeMismatchError', NO_ANSWER)) return null
  throw error
}

/** Chromium has been seen never to answer a request for a handle, of one file while others open at once; the next one it answers. */
const ANSWER_MS = 3_000
const NO_ANSWER = 'InvalidStateError'

/**
 * Every call to the file system has a deadline: what waits for one would wait for ever.
 * @param onLate what becomes of an answer that nobody waits for any more
 * @throws {Error} InvalidStateError when the browser does not answer in time
 */
function inTime<T>(answer: Promise<T>, answerMs: number, onLate: (late: T) => void = () => undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      reject(new DOMException('the browser did not answer', NO_ANSWER))
    }, answerMs)
    answer.then(
      (value) => {
        clearTimeout(timer)
        if (isLate) onLate(value)
        else resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error instanceof Error ? error : new Error(String(error)))
      },
    )
  })
}

const openInTime = (file: FileSystemFileHandle, answerMs: number, options?: { readonly mode: 'read-only' }): Promise<FileSystemSyncAccessHandle> =>
  inTime(file.createSyncAccessHandle(options), answerMs, (late) => late.close())

/** True when a file of that name and size is there. */
const isThere = async (folder: FileSystemDirectoryHandle, name: string, size: number, answerMs: number): Promise<boolean> => {
  const handle = await inTime(folder.getFileHandle(name), answerMs).catch(orNull)
  return handle !== null && (await inTime(handle.getFile(), answerMs).catch(orNull))?.size === size
}

/** Writes a file whole. A tab that is killed here leaves a shorter file, which its hash gives away. @throws {Error} InvalidStateError when the browser does not answer */
async function writeOnce(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array, answerMs: number): Promise<Kept> {
  // Another tab has written the same: writing it again would cut it short for whoever reads it now.
  if (await isThere(folder, name, bytes.length, answerMs)) return 'kept'
  let access: FileSystemSyncAccessHandle | null = null
  try {
    access = await openInTime(await inTime(folder.getFileHandle(name, { create: true }), answerMs), answerMs)
    access.truncate(0)
    const written = access.write(bytes, { at: 0 })
    access.flush()
    if (written === bytes.length) return 'kept'
  } catch (error) {
    // A piece's name holds its hash: whoever has it open writes the same bytes.
    if (isNamed(error, 'NoModificationAllowedError')) return 'busy'
    if (!isFull(error)) throw error
  } finally {
    access?.close()
  }
  await inTime(folder.removeEntry(name), answerMs).catch(() => undefined)
  return 'full'
}

/** A request that was not answered is made once more; what is not kept then either is fetched again when it is wanted next. */
async function writeFile(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array, answerMs: number): Promise<Kept> {
  for (let isLast = false; ; isLast = true) {
    try {
      return await writeOnce(folder, name, bytes, answerMs)
    } catch (error) {
      if (!isNamed(error, NO_ANSWER)) throw error
      if (isLast) return 'busy'
    }
  }
}

/**
 * Bytes [from, to) of a file, through a handle that several readers may have. A file read as a Blob passes through memory that only a full
 * garbage collection frees: of a large model by the hundred megabytes.
 */
async function readInPlace(file: FileSystemFileHandle, answerMs: number, from: number, to?: number): Promise<Uint8Array<ArrayBuffer>> {
  const access = await openInTime(file, answerMs, { mode: 'read-only' })
  try {
    const bytes = new Uint8Array(Math.max(0, Math.min(to ?? Infinity, access.getSize()) - from))
    return bytes.subarray(0, access.read(bytes, { at: from }))
  } finally {
    access.close()
  }
}

/** The same while another tab writes the file, or in a browser whose handles are for one reader only. */
async function readAsBlob(handle: FileSystemFileHandle, answerMs: number, from: number, to?: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = await inTime(handle.getFile(), answerMs)
  return new Uint8Array(await inTime(file.slice(from, to ?? file.size).arrayBuffer(), answerMs))
}

async function namesIn(folder: FileSystemDirectoryHandle | null, answerMs: number): Promise<readonly string[]> {
  const names: string[] = []
  const list = async (): Promise<void> => {
    for await (const name of folder?.keys() ?? []) names.push(name)
  }
  // What is not told of counts as not there: it is fetched again where it is wanted.
  await inTime(list(), answerMs).catch(orNull)
  return names
}

async function removeFolder(root: FileSystemDirectoryHandle, name: string, answerMs: number): Promise<void> {
  const remove = (): Promise<void> => inTime(root.removeEntry(name, { recursive: true }), answerMs)
  try {
    await remove()
  } catch (error) {
    if (isNamed(error, 'NotFoundError')) return
    // Another tab writes into it: what is free goes, and the folder with the next try.
    const folder = await inTime(root.getDirectoryHandle(name), answerMs).catch(orNull)
    for (const piece of await namesIn(folder, answerMs)) if (folder) await inTime(folder.removeEntry(piece), answerMs).catch(() => undefined)
    await remove().catch(() => undefined)
  }
}

/** @param answerMs a call that takes longer counts as a file that is busy, or not there. @throws what the browser throws where it has no such file system */
export async function opfsPieces(storage: Pick<StorageManager, 'getDirectory'>, answerMs = ANSWER_MS): Promise<PieceStore> {
  const root = await inTime((await inTime(storage.getDirectory(), answerMs)).getDirectoryHandle(ROOT, { create: true }), answerMs)
  const open = (folder: string): Promise<FileSystemDirectoryHandle | null> => inTime(root.getDirectoryHandle(folder), answerMs).catch(orNull)
  return {
    kind: 'opfs',
    folders: () => namesIn(root, answerMs),
    names: async (folder) => namesIn(await open(folder), answerMs),
    read: async (folder, name, from = 0, to) => {
      const held = await open(folder)
      const piece = held && (await inTime(held.getFileHandle(name), answerMs).catch(orNull))
      return piece ? readInPlace(piece, answerMs, from, to).catch(() => readAsBlob(piece, answerMs, from, to).catch(orNull)) : null
    },
    write: async (folder, name, bytes) => {
      const held = await inTime(root.getDirectoryHandle(folder, { create: true }), answerMs).catch(orNull)
      return held ? writeFile(held, name, bytes, answerMs) : 'busy'
    },
    remove: async (folder, name) => {
      if (name === undefined) return removeFolder(root, folder, answerMs)
      const held = await open(folder)
      if (held) await inTime(held.removeEntry(name), answerMs).catch(() => undefined)
    },
  }
}
