/** The shards a device holds: loads what placements give it, keeps what older epochs still use, frees the rest. */
import { ClusterError, toClusterError, toWireError } from '../protocol/errors.ts'
import type { Placement, Shard, ShardReport } from '../protocol/cluster.ts'
import type { PeerId } from '../protocol/ids.ts'
import type { LoadProgress, ShardRunner } from './shard-runner.ts'

export type ShardLoader = (request: {
  readonly placement: Placement
  readonly shard: Shard
  readonly onProgress: (progress: LoadProgress) => void
  readonly signal: AbortSignal
}) => Promise<ShardRunner>

/** A loaded or loading range of layers. Placements of several epochs may share it: no weight is fetched twice. */
type Loaded = {
  readonly key: string
  readonly abort: AbortController
  readonly runner: Promise<ShardRunner>
  readonly epochs: Set<number>
}

export type ShardStore = {
  /** Loads the device's shard of `placement`, or takes the one already held for the same range. */
  readonly hold: (placement: Placement, shard: Shard) => void
  /** Gives up the shard of an epoch; the weights go when no other epoch uses them. */
  readonly drop: (epoch: number) => void
  readonly reports: () => readonly ShardReport[]
  readonly close: () => Promise<void>
}

export type ShardStoreOptions = {
  readonly load: ShardLoader
  readonly onReady: (placement: Placement, runner: ShardRunner) => void
  readonly onChange: () => void
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

const keyOf = (placement: Placement, shard: Shard): string => [placement.source, placement.contextLength, shard.startLayer, shard.endLayer].join('|')

export function createShardStore(options: ShardStoreOptions): ShardStore {
  const loaded = new Map<string, Loaded>()
  const reports = new Map<number, ShardReport>()
  const keys = new Map<number, string>()
  const disposals = new Set<Promise<void>>()

  const report = (epoch: number, change: Partial<ShardReport>): void => {
    const known = reports.get(epoch)
    if (!known) return
    reports.set(epoch, { ...known, ...change })
    options.onChange()
  }

  function start(key: string, placement: Placement, shard: Shard): Loaded {
    const abort = new AbortController()
    const epochs = new Set<number>()
    const onProgress = (progress: LoadProgress): void => {
      for (const epoch of epochs) report(epoch, { phase: progress.phase, loadedBytes: progress.loadedBytes, totalBytes: progress.totalBytes })
    }
    const entry: Loaded = { key, abort, epochs, runner: options.load({ placement, shard, onProgress, signal: abort.signal }) }
    loaded.set(key, entry)
    return entry
  }

  function hold(placement: Placement, shard: Shard): void {
    const { model, epoch } = placement
    if (keys.has(epoch)) return
    const key = keyOf(placement, shard)
    const entry = loaded.get(key) ?? start(key, placement, shard)
    entry.epochs.add(epoch)
    keys.set(epoch, key)
    const { startLayer, endLayer } = shard
    reports.set(epoch, { model, epoch, startLayer, endLayer, state: 'loading', phase: 'waiting', loadedBytes: 0, totalBytes: 0, heldBytes: 0 })
    options.onChange()
    entry.runner.then(
      (runner) => {
        if (keys.get(epoch) !== key) return
        options.onReady(placement, runner)
        report(epoch, { state: 'ready', phase: 'ready', heldBytes: runner.heldBytes })
      },
      (thrown: unknown) => {
        if (loaded.get(key) === entry) loaded.delete(key)
        if (keys.get(epoch) !== key) return
        const error = toClusterError(thrown)
        options.log('a shard could not be loaded', { model, epoch, code: error.code, cause: String(error.cause ?? error.message) })
        const { code, message } = toWireError(error)
        report(epoch, { state: 'failed', phase: 'failed', error: { code, message: message.slice(0, 2000) } })
      },
    )
  }

  function dispose(entry: Loaded): void {
    loaded.delete(entry.key)
    entry.abort.abort(new ClusterError('cancelled', 'the placement changed'))
    const disposal = entry.runner.then((runner) => runner.dispose()).catch(() => undefined)
    disposals.add(disposal)
    void disposal.finally(() => disposals.delete(disposal))
  }

  function drop(epoch: number): void {
    const key = keys.get(epoch)
    if (key === undefined) return
    keys.delete(epoch)
    reports.delete(epoch)
    const entry = loaded.get(key)
    entry?.epochs.delete(epoch)
    if (entry && entry.epochs.size === 0) dispose(entry)
    options.onChange()
  }

  return {
    hold,
    drop,
    reports: () => [...reports.values()],
    close: async () => {
      for (const epoch of [...keys.keys()]) drop(epoch)
      await Promise.all(disposals)
    },
  }
}

/** The shard of `peer` in `placement`, if it has one. */
export const shardOf = (placement: Placement, peer: PeerId): Shard | undefined => placement.shards.find((shard) => shard.peerId === peer)
