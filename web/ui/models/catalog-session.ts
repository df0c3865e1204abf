/** What the Models page knows and does: the catalogue, what was looked up, what is being uploaded. It outlives the page's elements, so an upload goes on while its owner looks at another page. */
import { devicesOf, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import { toClusterError, toWireError, type WireError } from '../../../protocol/errors.ts'
import type { ModelCard, Upload } from '../../../protocol/catalog.ts'
import type { Quality } from '../../../protocol/cluster.ts'
import type { ModelId } from '../../../protocol/ids.ts'
import type { CatalogClient } from '../../engine/catalog-client.ts'
import type { PageEngine } from '../../engine/page-engine.ts'
import type { SentFile } from '../../engine/upload-files.ts'
import { uploadFiles } from '../../engine/upload-files.ts'
import { reportOf, transferKey, type ModelAction } from './model-state.ts'
import { nextTask } from '../parts/next-task.ts'
import { createTransferSpeeds, type TransferSpeeds } from '../parts/transfer-speed.ts'

/** Files on their way to the server. */
export type Sending = {
  readonly model: ModelId
  readonly files: readonly SentFile[]
  readonly totalBytes: number
  readonly sentBytes: number
  readonly state: 'sending' | 'stopped' | 'failed'
  readonly error: WireError | null
}
export type CatalogState = {
  /** Null until the server has answered. */
  readonly cards: readonly ModelCard[] | null
  readonly quality: Quality
  readonly error: WireError | null
  /** `busy` while the server looks. */
  readonly lookup:
    | { readonly state: 'idle' | 'busy' }
    | { readonly state: 'found'; readonly model: ModelId }
    | { readonly state: 'failed'; readonly error: WireError }
  /** Parts of models that wait on the server, of any page. */
  readonly uploads: readonly Upload[]
  readonly sending: readonly Sending[]
  /** Why the last thing asked of a model did not happen. */
  readonly failures: ReadonlyMap<ModelId, WireError>
}

export type CatalogSession = {
  readonly state: () => CatalogState
  readonly speeds: TransferSpeeds
  readonly onChange: (listener: () => void) => () => void
  /** Asks the server anew. */
  readonly refresh: () => Promise<void>
  readonly choose: (quality: Quality) => Promise<void>
  readonly lookUp: (reference: string) => Promise<void>
  readonly act: (model: ModelId, action: Exclude<ModelAction, 'ask'>) => Promise<void>
  readonly remove: (model: ModelId) => Promise<void>
  readonly send: (model: ModelId, files: readonly SentFile[]) => Promise<void>
  readonly stopSending: (model: ModelId) => void
  readonly discard: (model: ModelId) => Promise<void>
}

const EMPTY: CatalogState = {
  cards: null,
  quality: 'balanced',
  error: null,
  lookup: { state: 'idle' },
  uploads: [],
  sending: [],
  failures: new Map(),
}
export const sendingKey = (model: ModelId): string => `upload ${model}`

/** Changes when fits do: who lends how much. */
const rosterOf = (view: ClusterView): string =>
  JSON.stringify(devicesOf(view).map(({ id, capabilities, status }) => [id, capabilities, status.state === 'paused']))

export function createCatalogSession(engine: PageEngine, client: CatalogClient, now: () => number): CatalogSession {
  const listeners = new Set<() => void>()
  const aborts = new Map<ModelId, AbortController>()
  const speeds = createTransferSpeeds(now)
  let state = EMPTY
  let roster = rosterOf(engine.view())
  let listing = 0

  const become = (change: Partial<CatalogState>): void => {
    state = { ...state, ...change }
    for (const listener of [...listeners]) listener()
  }
  const wire = (thrown: unknown): WireError => toWireError(toClusterError(thrown))

  async function refresh(): Promise<void> {
    listing += 1
    const current = listing
    try {
      const [cards, uploads] = await Promise.all([client.list(state.quality), client.uploads()])
      // To read them took a while; to draw them takes another.
      await nextTask()
      if (current === listing) become({ cards, uploads, error: null })
    } catch (thrown) {
      if (current === listing) become({ error: wire(thrown) })
    }
  }

  engine.onChange(() => {
    const view = engine.view()
    const running = new Set(state.sending.map(({ model }) => sendingKey(model)))
    for (const placement of view.placements.values()) {
      for (const shard of placement.shards) {
        const report = reportOf(view, placement, shard)
        if (report?.phase !== 'downloading') continue
        running.add(transferKey(placement.model, shard))
        speeds.note(transferKey(placement.model, shard), report.loadedBytes)
      }
    }
    speeds.keepOnly(running)
    const next = rosterOf(view)
    if (next === roster) return
    roster = next
    // Only a page that shows the catalogue wants to know.
    if (state.cards !== null && listeners.size > 0) void refresh()
  })

  /** Runs what a person asked of a model; a failure becomes a sentence on its card. */
  async function attempt(model: ModelId, work: () => Promise<void>): Promise<void> {
    const before = new Map(state.failures)
    before.delete(model)
    become({ failures: before })
    try {
      await work()
    } catch (thrown) {
      become({ failures: new Map(state.failures).set(model, wire(thrown)) })
    }
  }

  async function perform(model: ModelId, action: Exclude<ModelAction, 'ask'>): Promise<void> {
    const isWished = engine.view().wishes.has(model)
    switch (action) {
      case 'use':
      case 'resume':
        return isWished ? client.change(model, 'serve') : client.place(model, 'serve', state.quality)
      case 'download':
        return isWished ? client.change(model, 'prefetch') : client.place(model, 'prefetch', state.quality)
      case 'stop':
        return client.change(model, 'paused')
      case 'retry':
        await client.drop(model)
        return client.place(model, 'serve', state.quality)
    }
  }

  const changeSending = (model: ModelId, change: Partial<Sending>): void =>
    become({ sending: state.sending.map((one) => (one.model === model ? { ...one, ...change } : one)) })

  async function send(model: ModelId, files: readonly SentFile[]): Promise<void> {
    aborts.get(model)?.abort()
    const abort = new AbortController()
    aborts.set(model, abort)
    const isMine = (): boolean => aborts.get(model) === abort
    const totalBytes = files.reduce((sum, { file }) => sum + file.size, 0)
    const others = state.sending.filter((one) => one.model !== model)
    become({ sending: [...others, { model, files, totalBytes, sentBytes: 0, state: 'sending', error: null }] })
    const onBytes = (sentBytes: number): void => {
      if (!isMine()) return
      speeds.note(sendingKey(model), sentBytes)
      changeSending(model, { sentBytes })
    }
    try {
      await uploadFiles(client, model, files, { signal: abort.signal, onBytes })
      aborts.delete(model)
      become({ sending: state.sending.filter((one) => one.model !== model) })
    } catch (thrown) {
      if (!isMine()) return
      changeSending(model, abort.signal.aborted ? { state: 'stopped' } : { state: 'failed', error: wire(thrown) })
    }
    await refresh()
  }

  return {
    state: () => state,
    speeds,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    refresh,
    choose: (quality) => {
      become({ quality })
      return refresh()
    },
    lookUp: async (reference) => {
      become({ lookup: { state: 'busy' } })
      try {
        const card = await client.lookUp(reference, state.quality)
        // On top, as it was asked for last.
        const others = (state.cards ?? []).filter(({ id }) => id !== card.id)
        become({ lookup: { state: 'found', model: card.id }, cards: [card, ...others] })
      } catch (thrown) {
        become({ lookup: { state: 'failed', error: wire(thrown) } })
      }
    },
    act: (model, action) => attempt(model, () => perform(model, action)),
    remove: (model) =>
      attempt(model, async () => {
        await client.remove(model)
        await refresh()
      }),
    send,
    stopSending: (model) => aborts.get(model)?.abort(),
    discard: async (model) => {
      aborts.get(model)?.abort()
      aborts.delete(model)
      become({ sending: state.sending.filter((one) => one.model !== model) })
      await attempt(model, () => client.discardUpload(model))
      await refresh()
    },
  }
}
