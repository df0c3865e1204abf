import type { PieceStore } from './piece-store.ts'

/** Beside the weights themselves, which the engine holds: enough for tokenizers, headers and a small model. */
export const MEMORY_PIECES_BYTES = 256 * 1024 * 1024

/** Pieces that live as long as the page. */
export function memoryPieces(maxBytes = MEMORY_PIECES_BYTES): PieceStore {
  const folders = new Map<string, Map<string, Uint8Array<ArrayBuffer>>>()
  const sizeOf = (pieces: ReadonlyMap<string, Uint8Array>): number => [...pieces.values()].reduce((sum, { length }) => sum + length, 0)
  let usedBytes = 0
  return {
    kind: 'memory',
    folders: async () => [...folders.keys()],
    names: async (folder) => [...(folders.get(folder)?.keys() ?? [])],
    read: async (folder, name, from, to) => folders.get(folder)?.get(name)?.slice(from, to) ?? null,
    write: async (folder, name, bytes) => {
      const pieces = folders.get(folder) ?? new Map<string, Uint8Array<ArrayBuffer>>()
      const more = bytes.length - (pieces.get(name)?.length ?? 0)
      if (usedBytes + more > maxBytes) return 'full'
      usedBytes += more
      pieces.set(name, new Uint8Array(bytes))
      folders.set(folder, pieces)
      return 'kept'
    },
    remove: async (folder, name) => {
      const pieces = folders.get(folder)
      if (!pieces) return
      usedBytes -= name === undefined ? sizeOf(pieces) : (pieces.get(name)?.length ?? 0)
      if (name !== undefined) pieces.delete(name)
      if (name === undefined || pieces.size === 0) folders.delete(folder)
    },
  }
}
