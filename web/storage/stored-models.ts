/** The page's side of storage: asks the engine's worker, and the browser for what only pages may ask. */
import { fromWireError, type ClusterError } from '../../protocol/errors.ts'
import type { EngineToPage, PageToEngine } from '../engine/engine-messages.ts'
import type { ModelStore, StorageState, StoredModel } from './model-store.ts'

export type StoredModels = {
  readonly models: ModelStore
  readonly handle: (message: Extract<EngineToPage, { type: 'storage' | 'models' | 'models-failed' }>) => void
  /** The worker is gone: whoever waits is told. */
  readonly fail: (error: ClusterError) => void
}

type Waiting = { readonly resolve: (models: readonly StoredModel[]) => void; readonly reject: (error: ClusterError) => void }

export function createStoredModels({
  tell,
  storage,
}: {
  readonly tell: (message: PageToEngine) => void
  readonly storage: StorageManager | undefined
}): StoredModels {
  const listeners = new Set<() => void>()
  const waiting = new Map<number, Waiting>()
  let state: StorageState | null = null
  let tickets = 0

  function ask(request: { readonly type: 'list-models' } | { readonly type: 'remove-models'; readonly model: string | null }) {
    return new Promise<readonly StoredModel[]>((resolve, reject) => {
      tickets += 1
      waiting.set(tickets, { resolve, reject })
      tell({ ...request, ticket: tickets })
    })
  }

  return {
    models: {
      state: () => state,
      list: () => ask({ type: 'list-models' }),
      remove: async (model) => void (await ask({ type: 'remove-models', model })),
      removeAll: async () => void (await ask({ type: 'remove-models', model: null })),
      quota: async () => {
        const { usage, quota } = (await storage?.estimate().catch(() => null)) ?? {}
        if (usage === undefined || quota === undefined) return null
        return { usedBytes: usage, quotaBytes: quota, isPersisted: (await storage?.persisted().catch(() => false)) ?? false }
      },
      persist: async () => (await storage?.persist().catch(() => false)) ?? false,
      onChange: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    handle: (message) => {
      if (message.type === 'storage') {
        state = message.state
        for (const listener of [...listeners]) listener()
        return
      }
      const asked = waiting.get(message.ticket)
      waiting.delete(message.ticket)
      if (message.type === 'models') asked?.resolve(message.models)
      else asked?.reject(fromWireError(message.error))
    },
    fail: (error) => {
      for (const { reject } of waiting.values()) reject(error)
      waiting.clear()
    },
  }
}
