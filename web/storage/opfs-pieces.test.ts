import { expect, test } from 'vitest'
import { opfsPieces } from './opfs-pieces.ts'

/** A file system whose first `count` requests for a handle are never answered. */
function silentFor(count: number): { readonly storage: Pick<StorageManager, 'getDirectory'>; readonly written: string[] } {
  const written: string[] = []
  let asked = 0
  const access = (name: string) => ({
    truncate: () => undefined,
    write: (bytes: Uint8Array) => {
      written.push(name)
      return bytes.length
    },
    flush: () => undefined,
    close: () => undefined,
  })
  const file = (name: string) => ({
    getFile: () => Promise.resolve({ size: 0 }),
    createSyncAccessHandle: () => (asked++ < count ? new Promise(() => undefined) : Promise.resolve(access(name))),
  })
  const folder = {
    getDirectoryHandle: () => Promise.resolve(folder),
    getFileHandle: (name: string) => Promise.resolve(file(name)),
    removeEntry: () => Promise.resolve(),
  }
  // Of the interface only what pieces are written with.
  return { storage: { getDirectory: () => Promise.resolve(folder as unknown as FileSystemDirectoryHandle) }, written }
}

test('a request for a file that the browser does not answer is made again', async () => {
  const { storage, written } = silentFor(1)
  const pieces = await opfsPieces(storage, 1)
  expect(await pieces.write('model', 'first', new Uint8Array(4))).toBe('kept')
  expect(written).toEqual(['first'])
})

test('a file that the browser never opens is not waited for: the load goes on, and the next piece is kept', async () => {
  const { storage, written } = silentFor(2)
  const pieces = await opfsPieces(storage, 1)
  expect(await pieces.write('model', 'first', new Uint8Array(4))).toBe('busy')
  expect(await pieces.write('model', 'second', new Uint8Array(4))).toBe('kept')
  expect(written).toEqual(['second'])
})

/** A folder all of whose calls are never answered, once they are asked to be silent. */
function silencedFolder() {
  let isSilent = false
  const answer = <T>(value: T): Promise<T> => (isSilent ? new Promise(() => undefined) : Promise.resolve(value))
  const folder: Record<string, unknown> = {
    getDirectoryHandle: () => answer(folder),
    getFileHandle: () => answer({ getFile: () => answer({ size: 0 }), createSyncAccessHandle: () => answer({}) }),
    removeEntry: () => answer(undefined),
    keys: async function* () {
      yield await answer('piece')
    },
  }
  const storage = { getDirectory: () => answer(folder as unknown as FileSystemDirectoryHandle) }
  return { storage, silence: () => (isSilent = true) }
}

test('17: no call to a file system that has fallen silent is waited for: what is there counts as not there, and what is written as busy', async () => {
  const { storage, silence } = silencedFolder()
  const pieces = await opfsPieces(storage, 1)
  expect(await pieces.names('model')).toEqual(['piece'])
  silence()
  expect(await pieces.folders()).toEqual([])
  expect(await pieces.names('model')).toEqual([])
  expect(await pieces.read('model', 'piece')).toBeNull()
  expect(await pieces.write('model', 'piece', new Uint8Array(4))).toBe('busy')
  await pieces.remove('model', 'piece')
  await pieces.remove('model')
  await expect(opfsPieces(storage, 1)).rejects.toThrow('did not answer')
})
