/** Finished answers of the Responses dialect, so that a later request can go on from one. Bounded: oldest dropped first. */
import type { ToolTurn } from '../../core/text/tool-turns.ts'

export type StoredResponse = {
  /** Whose it is: only requests with the same key find it. */
  readonly owner: string
  /** The conversation with its answer, without instructions: those do not carry over. */
  readonly turns: readonly ToolTurn[]
  readonly body: object
}
export type ResponseStore = {
  readonly put: (id: string, response: StoredResponse) => Promise<void>
  readonly get: (id: string, owner: string) => Promise<StoredResponse | null>
  /** False when there was none. */
  readonly remove: (id: string, owner: string) => Promise<boolean>
}

export type StoreBounds = {
  /** Of all that is kept. */
  readonly bytes: number
  readonly responses: number
}
export const STORE_BOUNDS: StoreBounds = { bytes: 32 * 1024 * 1024, responses: 10_000 }

/** Of one process. */
export function createMemoryStore(bounds: StoreBounds = STORE_BOUNDS): ResponseStore {
  /** In the order of their coming. */
  const kept = new Map<string, { readonly response: StoredResponse; readonly bytes: number }>()
  let bytes = 0
  const remove = (id: string): boolean => {
    bytes -= kept.get(id)?.bytes ?? 0
    return kept.delete(id)
  }
  const find = (id: string, owner: string): StoredResponse | null => {
    const response = kept.get(id)?.response
    return response?.owner === owner ? response : null
  }
  return {
    get: async (id, owner) => find(id, owner),
    put: async (id, response) => {
      const size = Buffer.byteLength(JSON.stringify(response))
      remove(id)
      kept.set(id, { response, bytes: size })
      bytes += size
      for (const oldest of kept.keys()) {
        if (bytes <= bounds.bytes && kept.size <= bounds.responses) break
        remove(oldest)
      }
    },
    remove: async (id, owner) => find(id, owner) !== null && remove(id),
  }
}
