/** The shards a device holds: does with each what is wished, keeps what older epochs still use, frees the rest. */
import { ClusterError, toClusterError, toWireError } from '../protocol/errors.ts'
import type { Placement, Shard, ShardReport } from '../protocol/cluster.ts'
import type { PeerId } from '../protocol/ids.ts'
import type { LoadProgress, ShardRunner } from './shard-runner.ts'

type ShardRequest = {
  readonly placement: Placement
  readonly shard: Shard
  readonly onProgress: (progress: LoadProgress) => void
  readonly signal: AbortSignal
}
export type ShardLoader = (request: ShardRequest) => Promise<ShardRunner>
/** Brings the shard's bytes onto the device, and opens nothing. */
export type ShardFetcher = (request: ShardRequest) => Promise<void>

/** `serve`: loaded. `prefetch`: its bytes are fetched. `paused`: neither; what was fetched stays. */
export type HoldMode = 'serve' | 'prefetch' | 'paused'

/** A range of layers that is being loaded or fetched, or has been. Placements of several epochs may share it: no weight is fetched twice. */
type Loaded = {
  readonly key: string
  readonly abort: AbortController
  /** Null once its bytes are fetched and no more was wished. */
  readonly runner: Promise<ShardRunner | null>
  readonly epochs: Set<number>
}
/** What an epoch holds; without a key it is paused. */
type Hold = { readonly mode: HoldMode; readonly key: string | null }

export type ShardStore = {
  /** Does to the device's shard of `placement` what `mode` says, with the one already held for the same range in the same format where there is one. */
  readonly hold: (placement: Placement, shard: Shard, mode: HoldMode) => void
  /** Gives up the shard of an epoch; the weights go when no other epoch uses them. */
  readonly drop: (epoch: number) => void
  readonly reports: () => readonly ShardReport[]
  readonly close: () => Promise<void>
}

export type ShardStoreOptions = {
  readonly load: ShardLoader
  readonly fetch: ShardFetcher
  readonly onReady: (placement: Placement, runner: ShardRunner) => void
  readonly onChange: () => void
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

const keyOf = (placement: Placement, shard: Shard, mode: HoldMode): string =>
  [mode, placement.source, placement.contextLength, shard.startLayer, shard.endLayer, shard.weightFormat].join('|')

export function createShardStore(options: ShardStoreOptions): ShardStore {
  const loaded = new Map<string, Loaded>()
  const reports = new Map<number, ShardReport>()
  const holds = new Map<number, Hold>()
  const disposals = new Set<Promise<void>>()

  const report = (epoch: number, change: Partial<ShardReport>): void => {
    const known = reports.get(epoch)
    if (!known) return
    reports.set(epoch, { ...known, ...change })
    options.onChange()
  }

  function start(key: string, placement: Placement, shard: Shard, mode: HoldMode): Loaded {
    const abort = new AbortController()
    const epochs = new Set([placement.epoch])
    const onProgress = (progress: LoadProgress): void => {
      if (abort.signal.aborted) return
      for (const epoch of epochs) report(epoch, { phase: progress.phase, loadedBytes: progress.loadedBytes, totalBytes: progress.totalBytes })
    }
    const request = { placement, shard, onProgress, signal: abort.signal }
    const runner = mode === 'serve' ? options.load(request) : options.fetch(request).then(() => null)
    const entry: Loaded = { key, abort, epochs, runner }
    loaded.set(key, entry)
    return entry
  }

  function settle(entry: Loaded, placement: Placement): void {
    const { model, epoch } = placement
    const isCurrent = (): boolean => holds.get(epoch)?.key === entry.key && entry.epochs.has(epoch)
    entry.runner.then(
      (runner) => {
        if (!isCurrent()) return
        if (runner === null) return report(epoch, { state: 'idle', phase: 'stored' })
        options.onReady(placement, runner)
        report(epoch, { state: 'ready', phase: 'ready', heldBytes: runner.heldBytes, quantization: runner.quantization })
      },
      (thrown: unknown) => {
        if (loaded.get(entry.key) === entry) loaded.delete(entry.key)
        if (!isCurrent()) return
        const error = toClusterError(thrown)
        options.log('a shard could not be loaded', { model, epoch, code: error.code, cause: String(error.cause ?? error.message) })
        const { code, message } = toWireError(error)
        report(epoch, { state: 'failed', phase: 'failed', error: { code, message: message.slice(0, 2000) } })
      },
    )
  }

  function hold(placement: Placement, shard: Shard, mode: HoldMode): void {
    const { model, epoch } = placement
    if (holds.get(epoch)?.mode === mode) return
    detach(epoch)
    const { startLayer, endLayer, weightFormat } = shard
    // What was fetched is still shown while paused, and where a new attempt begins.
    const { loadedBytes, totalBytes } = reports.get(epoch) ?? { loadedBytes: 0, totalBytes: 0 }
    const base = { model, epoch, startLayer, endLayer, weightFormat, loadedBytes, totalBytes, heldBytes: 0 }
    const key = mode === 'paused' ? null : keyOf(placement, shard, mode)
    holds.set(epoch, { mode, key })
    reports.set(epoch, { ...base, ...(key === null ? { state: 'idle', phase: 'paused' } : { state: 'loading', phase: 'waiting' }) })
    options.onChange()
    if (key === null) return
    const entry = loaded.get(key) ?? start(key, placement, shard, mode)
    entry.epochs.add(epoch)
    settle(entry, placement)
  }

  function dispose(entry: Loaded): void {
    loaded.delete(entry.key)
    entry.abort.abort(new ClusterError('cancelled', 'the placement changed'))
    const disposal = entry.runner.then((runner) => runner?.dispose()).catch(() => undefined)
    disposals.add(disposal)
    void disposal.finally(() => disposals.delete(disposal))
  }

  /** The epoch leaves what it holds, which goes with its last epoch. */
  function detach(epoch: number): void {
    const key = holds.get(epoch)?.key ?? null
    holds.delete(epoch)
    const entry = key === null ? undefined : loaded.get(key)
    entry?.epochs.delete(epoch)
    if (entry && entry.epochs.size === 0) dispose(entry)
  }

  function drop(epoch: number): void {
    if (!holds.has(epoch)) return
    detach(epoch)
    reports.delete(epoch)
    options.onChange()
  }

  return {
    hold,
    drop,
    reports: () => [...reports.values()],
    close: async () => {
      for (const epoch of [...holds.keys()]) drop(epoch)
      await Promise.all(disposals)
    },
  }
}

/** The shard of `peer` in `placement`, if it has one. */
export const shardOf = (placement: Placement, peer: PeerId): Shard | undefined => placement.shards.find((shard) => shard.peerId === peer)
