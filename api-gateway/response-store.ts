/** Finished answers of the Responses dialect, so that a later request can go on from one. In memory, oldest dropped first. */
import type { ToolTurn } from '../core/text/tool-turns.ts'

export type StoredResponse = {
  /** Whose it is: only requests with the same key find it. */
  readonly owner: string
  /** The conversation with its answer, without instructions: those do not carry over. */
  readonly turns: readonly ToolTurn[]
  readonly body: object
}
export type ResponseStore = {
  readonly put: (id: string, response: StoredResponse) => void
  readonly get: (id: string, owner: string) => StoredResponse | null
  /** False when there was none. */
  readonly remove: (id: string, owner: string) => boolean
}

/** Characters of turns that are kept in all: some tens of megabytes. */
const MAX_CHARACTERS = 16 * 1024 * 1024
const MAX_RESPONSES = 10_000

const sizeOf = ({ turns }: StoredResponse): number => turns.reduce((sum, { content }) => sum + (typeof content === 'string' ? content.length : 0), 0)

export function createResponseStore(maxCharacters = MAX_CHARACTERS, maxResponses = MAX_RESPONSES): ResponseStore {
  const kept = new Map<string, StoredResponse>()
  let characters = 0
  const remove = (id: string): boolean => {
    const response = kept.get(id)
    if (!response) return false
    characters -= sizeOf(response)
    return kept.delete(id)
  }
  const get = (id: string, owner: string): StoredResponse | null => {
    const response = kept.get(id)
    return response?.owner === owner ? response : null
  }
  return {
    get,
    put: (id, response) => {
      kept.set(id, response)
      characters += sizeOf(response)
      for (const oldest of kept.keys()) {
        if (characters <= maxCharacters && kept.size <= maxResponses) break
        remove(oldest)
      }
    },
    remove: (id, owner) => get(id, owner) !== null && remove(id),
  }
}
