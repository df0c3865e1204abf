/** The shards a device holds: does with each what is wished, keeps what older epochs still use, frees the rest. */
import { ClusterError, toClusterError, toWireError } from '../../protocol/errors.ts'
import type { Placement, Shard, ShardReport } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { LoadProgress, ShardRunner } from '../shard-runner.ts'

/** A shard, or what a spare holds ready. */
type OwnRange = Pick<Shard, 'startLayer' | 'endLayer' | 'weightFormat'>

type ShardRequest = {
  readonly placement: Placement
  readonly shard: OwnRange
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
  /** Those that hold it: an epoch and a range each. */
  readonly claims: Set<string>
}
/** What a placement makes the device hold; without a key it is paused. */
type Hold = { readonly mode: HoldMode; readonly key: string | null }

export type ShardStore = {
  /**
   * Does to a range of `placement` what `mode` says, with the one already held for the same range in the same format where there is
   * one. A spare holds several of one placement.
   */
  readonly hold: (placement: Placement, shard: OwnRange, mode: HoldMode) => void
  /** Gives up what is held for an epoch; the weights go when no other epoch uses them. */
  readonly drop: (epoch: number) => void
  readonly reports: () => readonly ShardReport[]
  readonly close: () => Promise<void>
}

export type ShardStoreOptions = {
  readonly load: ShardLoader
  readonly fetch: ShardFetcher
  readonly onReady: (placement: Placement, shard: OwnRange, runner: ShardRunner) => void
  /** The runner frees all it holds. */
  readonly onDispose: (runner: ShardRunner) => void
  readonly onChange: () => void
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

const claimOf = ({ epoch }: Placement, { startLayer, endLayer }: OwnRange): string => [epoch, startLayer, endLayer].join('|')
const keyOf = (placement: Placement, shard: OwnRange, mode: HoldMode): string =>
  [mode, placement.source, placement.contextLength, shard.startLayer, shard.endLayer, shard.weightFormat].join('|')

export function createShardStore(options: ShardStoreOptions): ShardStore {
  const loaded = new Map<string, Loaded>()
  /** By claim. */
  const reports = new Map<string, ShardReport>()
  const holds = new Map<string, Hold>()
  const disposals = new Set<Promise<void>>()

  const report = (claim: string, change: Partial<ShardReport>): void => {
    const known = reports.get(claim)
    if (!known) return
    reports.set(claim, { ...known, ...change })
    options.onChange()
  }

  function start(key: string, placement: Placement, shard: OwnRange, mode: HoldMode): Loaded {
    const abort = new AbortController()
    const claims = new Set([claimOf(placement, shard)])
    const onProgress = (progress: LoadProgress): void => {
      if (abort.signal.aborted) return
      for (const claim of claims) report(claim, { phase: progress.phase, loadedBytes: progress.loadedBytes, totalBytes: progress.totalBytes })
    }
    const request = { placement, shard, onProgress, signal: abort.signal }
    const runner = mode === 'serve' ? options.load(request) : options.fetch(request).then(() => null)
    const entry: Loaded = { key, abort, claims, runner }
    loaded.set(key, entry)
    return entry
  }

  function settle(entry: Loaded, placement: Placement, shard: OwnRange): void {
    const { model, epoch } = placement
    const claim = claimOf(placement, shard)
    const isCurrent = (): boolean => holds.get(claim)?.key === entry.key && entry.claims.has(claim)
    entry.runner.then(
      (runner) => {
        if (!isCurrent()) return
        if (runner === null) return report(claim, { state: 'idle', phase: 'stored' })
        options.onReady(placement, shard, runner)
        report(claim, { state: 'ready', phase: 'ready', heldBytes: runner.heldBytes, quantization: runner.quantization })
      },
      (thrown: unknown) => {
        if (loaded.get(entry.key) === entry) loaded.delete(entry.key)
        if (!isCurrent()) return
        const error = toClusterError(thrown)
        options.log('a shard could not be loaded', { model, epoch, code: error.code, cause: String(error.cause ?? error.message) })
        const { code, message } = toWireError(error)
        report(claim, { state: 'failed', phase: 'failed', error: { code, message: message.slice(0, 2000) } })
      },
    )
  }

  function hold(placement: Placement, shard: OwnRange, mode: HoldMode): void {
    const { model, epoch } = placement
    const claim = claimOf(placement, shard)
    if (holds.get(claim)?.mode === mode) return
    detach(claim)
    const { startLayer, endLayer, weightFormat } = shard
    // What was fetched is still shown while paused, and where a new attempt begins.
    const { loadedBytes, totalBytes } = reports.get(claim) ?? { loadedBytes: 0, totalBytes: 0 }
    const base = { model, epoch, startLayer, endLayer, weightFormat, loadedBytes, totalBytes, heldBytes: 0 }
    const key = mode === 'paused' ? null : keyOf(placement, shard, mode)
    holds.set(claim, { mode, key })
    reports.set(claim, { ...base, ...(key === null ? { state: 'idle', phase: 'paused' } : { state: 'loading', phase: 'waiting' }) })
    options.onChange()
    if (key === null) return
    const entry = loaded.get(key) ?? start(key, placement, shard, mode)
    entry.claims.add(claim)
    settle(entry, placement, shard)
  }

  const disposeOf = async (runner: ShardRunner | null): Promise<void> => {
    if (runner) options.onDispose(runner)
    await runner?.dispose()
  }

  function dispose(entry: Loaded): void {
    loaded.delete(entry.key)
    entry.abort.abort(new ClusterError('cancelled', 'the placement changed'))
    const disposal = entry.runner.then(disposeOf).catch(() => undefined)
    disposals.add(disposal)
    void disposal.finally(() => disposals.delete(disposal))
  }

  /** A claim leaves what it holds, which goes with its last claim. */
  function detach(claim: string): void {
    const key = holds.get(claim)?.key ?? null
    holds.delete(claim)
    const entry = key === null ? undefined : loaded.get(key)
    entry?.claims.delete(claim)
    if (entry && entry.claims.size === 0) dispose(entry)
  }

  function drop(epoch: number): void {
    const claims = [...reports].filter(([, known]) => known.epoch === epoch).map(([claim]) => claim)
    for (const claim of claims) {
      detach(claim)
      reports.delete(claim)
    }
    if (claims.length > 0) options.onChange()
  }

  return {
    hold,
    drop,
    reports: () => [...reports.values()],
    close: async () => {
      for (const { epoch } of [...reports.values()]) drop(epoch)
      await Promise.all(disposals)
    },
  }
}

/** The ranges that `peer` holds in `placement`: its shard, or what it holds ready as a spare. */
export const rangesOf = (placement: Placement, peer: PeerId): readonly OwnRange[] =>
  [...placement.shards, ...placement.spares].filter((held) => held.peerId === peer && held.endLayer > held.startLayer)

/** The shard of `peer` in `placement`, if it has one. */
export const shardOf = (placement: Placement, peer: PeerId): Shard | undefined => placement.shards.find((shard) => shard.peerId === peer)
