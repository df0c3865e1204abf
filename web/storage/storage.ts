/** The worker's side of storage: opens it once, wraps sources, answers the page. */
import type { Clock } from '../../core/link/clock.ts'
import type { ModelSource, RemoteSource } from '../../core/model/model-source.ts'
import { cachedSource } from './cached-source.ts'
import { listModels, removeModels } from './kept-models.ts'
import type { StorageState, StoredModel } from './model-store.ts'
import { openPieces, type OpenedPieces, type StorageOfBrowser } from './open-pieces.ts'
import { overflowing } from './overflowing-pieces.ts'
import { openShelf } from './shelf.ts'

const CHANNEL = 'ringlet-models'
const CHANGE_MS = 1_000
const FULL =
  'The browser gives no more room: what is downloaded from now on is kept in memory and fetched again next time. Remove a model to make room.'

export type Storage = {
  readonly wrap: (origin: RemoteSource) => ModelSource
  readonly list: () => Promise<readonly StoredModel[]>
  readonly remove: (id: string | null) => Promise<void>
}

export type StorageOptions = {
  readonly clock: Clock
  readonly log: (message: string, fields: Record<string, unknown>) => void
  readonly onState: (state: StorageState) => void
  readonly isOnline: () => boolean
}

/** Calls of `tell`, at most one a second, the last one never lost. */
function paced(clock: Clock, tell: () => void): () => void {
  let isWaiting = false
  return () => {
    if (isWaiting) return
    isWaiting = true
    clock.timer(CHANGE_MS, () => {
      isWaiting = false
      tell()
    })
  }
}

export function openStorage(browser: StorageOfBrowser, { clock, log, onState, isOnline }: StorageOptions): Storage {
  const channel = new BroadcastChannel(CHANNEL)
  let state: StorageState | null = null
  const tell = (): void => {
    if (state) onState(state)
  }
  const changed = paced(clock, () => {
    tell()
    channel.postMessage('changed')
  })
  channel.addEventListener('message', tell)
  const opened = openPieces(browser).then(({ pieces, reason }: OpenedPieces) => {
    state = { kind: pieces.kind, reason, problem: null }
    tell()
    return overflowing(pieces, (isFull) => {
      state = { kind: pieces.kind, reason, problem: isFull ? FULL : null }
      tell()
    })
  })
  return {
    wrap: (origin) => {
      const { address, label } = origin
      const shelf = opened.then((store) => openShelf({ store, address, label, now: Date.now, onChange: changed }))
      return cachedSource(origin, { shelf, clock, isOnline, log })
    },
    list: async () => listModels(await opened),
    remove: async (id) => {
      await removeModels(await opened, id)
      changed()
    },
  }
}
