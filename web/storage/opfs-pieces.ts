/** Pieces as files of the origin's private file system. Runs in a worker: only there files are written in place. */
import { isFull, isNamed, type Kept, type PieceStore } from './piece-store.ts'

const ROOT = 'ringlet-models'

const orNull = (error: unknown): null => {
  // Gone, or changed under the reader by another tab: it counts as not there and is fetched again.
  if (isNamed(error, 'NotFoundError', 'NotReadableError', 'TypeMismatchError')) return null
  throw error
}

/** Chromium has been seen never to answer a request for a handle, of one file while others open at once; the next one it answers. */
const OPEN_MS = 3_000

/** @throws {Error} InvalidStateError when the browser does not answer in time; a handle that comes later is closed unused */
function openInTime(file: FileSystemFileHandle, openMs: number, options?: { readonly mode: 'read-only' }): Promise<FileSystemSyncAccessHandle> {
  return new Promise((resolve, reject) => {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      reject(new DOMException('the browser did not open the file', 'InvalidStateError'))
    }, openMs)
    file.createSyncAccessHandle(options).then(
      (access) => {
        clearTimeout(timer)
        if (isLate) access.close()
        else resolve(access)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error instanceof Error ? error : new Error(String(error)))
      },
    )
  })
}

/** True when a file of that name and size is there. */
const isThere = async (folder: FileSystemDirectoryHandle, name: string, size: number): Promise<boolean> => {
  const handle = await folder.getFileHandle(name).catch(orNull)
  return (await handle?.getFile().catch(orNull))?.size === size
}

/** Writes a file whole. A tab that is killed here leaves a shorter file, which its hash gives away. */
async function writeFile(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array, openMs: number): Promise<Kept> {
  // Another tab has written the same: writing it again would cut it short for whoever reads it now.
  if (await isThere(folder, name, bytes.length)) return 'kept'
  let access: FileSystemSyncAccessHandle | null = null
  try {
    access = await openInTime(await folder.getFileHandle(name, { create: true }), openMs)
    access.truncate(0)
    const written = access.write(bytes, { at: 0 })
    access.flush()
    if (written === bytes.length) return 'kept'
  } catch (error) {
    // A piece's name holds its hash: whoever has it open writes the same bytes. One that does not open is fetched again when it is wanted next.
    if (isNamed(error, 'NoModificationAllowedError', 'InvalidStateError')) return 'busy'
    if (!isFull(error)) throw error
  } finally {
    access?.close()
  }
  await folder.removeEntry(name).catch(() => undefined)
  return 'full'
}

/**
 * Bytes [from, to) of a file, through a handle that several readers may have. A file read as a Blob passes through memory that only a full
 * garbage collection frees: of a large model by the hundred megabytes.
 */
async function readInPlace(file: FileSystemFileHandle, openMs: number, from: number, to?: number): Promise<Uint8Array<ArrayBuffer>> {
  const access = await openInTime(file, openMs, { mode: 'read-only' })
  try {
    const bytes = new Uint8Array(Math.max(0, Math.min(to ?? Infinity, access.getSize()) - from))
    return bytes.subarray(0, access.read(bytes, { at: from }))
  } finally {
    access.close()
  }
}

/** The same while another tab writes the file, or in a browser whose handles are for one reader only. */
async function readAsBlob(handle: FileSystemFileHandle, from: number, to?: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = await handle.getFile()
  return new Uint8Array(await file.slice(from, to ?? file.size).arrayBuffer())
}

async function removeFolder(root: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await root.removeEntry(name, { recursive: true })
  } catch (error) {
    if (isNamed(error, 'NotFoundError')) return
    // Another tab writes into it: what is free goes, and the folder with the next try.
    const folder = await root.getDirectoryHandle(name)
    for await (const piece of folder.keys()) await folder.removeEntry(piece).catch(() => undefined)
    await root.removeEntry(name, { recursive: true }).catch(() => undefined)
  }
}

/** @param openMs a file that takes longer to open counts as busy. @throws what the browser throws where it has no such file system */
export async function opfsPieces(storage: Pick<StorageManager, 'getDirectory'>, openMs = OPEN_MS): Promise<PieceStore> {
  const root = await (await storage.getDirectory()).getDirectoryHandle(ROOT, { create: true })
  const open = (folder: string): Promise<FileSystemDirectoryHandle | null> => root.getDirectoryHandle(folder).catch(orNull)
  const listed = async (folder: FileSystemDirectoryHandle | null): Promise<readonly string[]> => {
    const names: string[] = []
    for await (const name of folder?.keys() ?? []) names.push(name)
    return names
  }
  return {
    kind: 'opfs',
    folders: () => listed(root),
    names: async (folder) => listed(await open(folder)),
    read: async (folder, name, from = 0, to) => {
      const piece = await (await open(folder))?.getFileHandle(name).catch(orNull)
      return piece ? readInPlace(piece, openMs, from, to).catch(() => readAsBlob(piece, from, to).catch(orNull)) : null
    },
    write: async (folder, name, bytes) => writeFile(await root.getDirectoryHandle(folder, { create: true }), name, bytes, openMs),
    remove: async (folder, name) => {
      if (name === undefined) return removeFolder(root, folder)
      await (await open(folder))?.removeEntry(name).catch(() => undefined)
    },
  }
}
