/** Pieces in the Cache API: for browsers whose private file system cannot be written in place. */
import { isFull, type PieceStore } from './piece-store.ts'

const PREFIX = 'ringlet-models-'
/** Never asked for: a cache names what it holds by address. */
const addressOf = (name: string): string => `https://pieces.invalid/${name}`

export async function cachePieces(caches: CacheStorage): Promise<PieceStore> {
  const foldersIn = async (): Promise<readonly string[]> =>
    (await caches.keys()).filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length))
  // Throws here and now where the browser has no room for a cache at all.
  await foldersIn()
  const has = (folder: string): Promise<boolean> => caches.has(PREFIX + folder)
  return {
    kind: 'cache',
    folders: foldersIn,
    names: async (folder) => {
      if (!(await has(folder))) return []
      const requests = await (await caches.open(PREFIX + folder)).keys()
      return requests.map(({ url }) => new URL(url).pathname.slice(1))
    },
    read: async (folder, name, from = 0, to) => {
      const response = (await has(folder)) ? await (await caches.open(PREFIX + folder)).match(addressOf(name)) : undefined
      const blob = await response?.blob().catch(() => null)
      return blob ? new Uint8Array(await blob.slice(from, to ?? blob.size).arrayBuffer()) : null
    },
    write: async (folder, name, bytes) => {
      try {
        await (await caches.open(PREFIX + folder)).put(addressOf(name), new Response(new Uint8Array(bytes)))
        return 'kept'
      } catch (error) {
        if (isFull(error)) return 'full'
        throw error
      }
    },
    remove: async (folder, name) => {
      if (name === undefined) await caches.delete(PREFIX + folder)
      else if (await has(folder)) await (await caches.open(PREFIX + folder)).delete(addressOf(name))
    },
  }
}
