import { memoryPieces } from './memory-pieces.ts'
import type { PieceStore } from './piece-store.ts'

/** A store that goes on in memory when the browser gives no more room. `onFull` is called at the first such time, and after room was made again. */
export function overflowing(lasting: PieceStore, onFull: (isFull: boolean) => void, memory: PieceStore = memoryPieces()): PieceStore {
  let isFull = false
  const both = async (list: (store: PieceStore) => Promise<readonly string[]>): Promise<readonly string[]> => [
    ...new Set([...(await list(lasting)), ...(await list(memory))]),
  ]
  const setFull = (now: boolean): void => {
    if (now !== isFull) onFull(now)
    isFull = now
  }
  return {
    kind: lasting.kind,
    folders: () => both((store) => store.folders()),
    names: (folder) => both((store) => store.names(folder)),
    read: async (...piece) => (await memory.read(...piece)) ?? lasting.read(...piece),
    write: async (folder, name, bytes) => {
      const kept = isFull ? 'full' : await lasting.write(folder, name, bytes)
      setFull(kept === 'full')
      return kept === 'full' ? memory.write(folder, name, bytes) : kept
    },
    remove: async (folder, name) => {
      await memory.remove(folder, name)
      await lasting.remove(folder, name)
      // A whole model makes room; a piece that was damaged does not.
      if (name === undefined) setFull(false)
    },
  }
}
