/**
 * KV caches of sequences that are over, kept for those that begin alike: one store for all shards of a device. A cache is taken over and
 * cut, not copied. The head finds by token ids what goes along; other shards know a kept sequence by its id alone.
 */
import { createPrefixIndex, type PrefixMatch } from '../../core/prefix/prefix-index.ts'
import type { PeerId, SequenceId } from '../../protocol/ids.ts'
import type { OutputLog } from './output-log.ts'
import type { HandoffType, ShardRunner } from '../shard-runner.ts'

export type Kept = {
  readonly id: SequenceId
  readonly runner: ShardRunner
  /** What hidden states were rounded to on their way here. */
  readonly handoff: HandoffType
  readonly cache: SequenceId
  /** Positions below are valid. */
  readonly length: number
  readonly log: OutputLog
  /** At the head: whose it is, and its token ids, as many as are valid. */
  readonly owner: { readonly client: PeerId; readonly scope: string; readonly ids: readonly number[] } | null
}

export type PrefixCache = {
  readonly keep: (kept: Kept) => void
  /** The kept sequence, which is kept no longer: its KV cache and log are the caller's. */
  readonly take: (runner: ShardRunner, handoff: HandoffType, id: SequenceId) => Kept | null
  /** The kept sequence that begins like `ids` for longest. */
  readonly longest: (runner: ShardRunner, handoff: HandoffType, scope: string, ids: readonly number[]) => PrefixMatch<SequenceId> | null
  /** Frees the oldest until so many bytes more fit, or none is left. Only while no pass runs. */
  readonly makeRoom: (bytes: number) => void
  /** Frees the oldest. False when there is none. Only while no pass runs. */
  readonly evict: () => boolean
  /** Frees what was taken and is of no use. */
  readonly discard: (kept: Kept) => void
  readonly drop: (id: SequenceId) => void
  /** Drops what belongs to clients that are gone. */
  readonly retain: (isHere: (client: PeerId) => boolean) => void
  /** What is kept of this runner holds wrong numbers: it goes, here and on the other shards. */
  readonly distrust: (runner: ShardRunner) => void
  /** The runner is gone, and all its KV caches with it. */
  readonly forget: (runner: ShardRunner) => void
  readonly entries: () => number
  readonly bytes: () => number
}

export type PrefixCacheOptions = {
  /** Bytes that all KV caches of the device may take, of running sequences and kept ones. */
  readonly budget: () => number
  /** Bytes that they take now. */
  readonly used: () => number
  /** Runs when no pass does. */
  readonly later: (cache: SequenceId, work: () => void) => void
  /** Gone without being asked for: no shard needs its part any more. */
  readonly onEvict: (kept: Kept) => void
}

/** What of one client never shows to another: neither in what is found nor in how many tokens were. */
export const scopeOf = (client: PeerId, scope: string, isRotatedAnew: boolean): string => JSON.stringify([client, scope, isRotatedAnew])

export function createPrefixCache({ budget, used, later, onEvict }: PrefixCacheOptions): PrefixCache {
  /** Oldest use first. */
  const all = new Map<SequenceId, Kept>()
  const index = createPrefixIndex<SequenceId>()
  const numbers = new WeakMap<ShardRunner, number>()
  let runners = 0

  /** Sequences of different shards never match. */
  function listOf(runner: ShardRunner, handoff: HandoffType, scope: string): string {
    const number = numbers.get(runner) ?? ++runners
    numbers.set(runner, number)
    return `${number} ${handoff} ${scope}`
  }

  function remove(id: SequenceId): Kept | null {
    const kept = all.get(id) ?? null
    all.delete(id)
    index.remove(id)
    return kept
  }

  function free({ runner, cache, log }: Kept): void {
    log.close()
    runner.release(cache)
  }
  const freeLater = (kept: Kept): void => later(kept.cache, () => free(kept))

  function removeOldest(): Kept | null {
    for (const id of all.keys()) {
      const kept = remove(id)
      if (kept) onEvict(kept)
      return kept
    }
    return null
  }

  function evict(): boolean {
    const oldest = removeOldest()
    if (oldest) free(oldest)
    return oldest !== null
  }

  function drop(id: SequenceId): void {
    const kept = remove(id)
    if (kept) freeLater(kept)
  }

  /** The other shards hear of it. */
  function giveUp(id: SequenceId): void {
    const kept = remove(id)
    if (!kept) return
    onEvict(kept)
    freeLater(kept)
  }

  return {
    keep: (kept) => {
      drop(kept.id)
      all.set(kept.id, kept)
      if (kept.owner) index.add(kept.id, listOf(kept.runner, kept.handoff, kept.owner.scope), kept.owner.ids)
      // A running sequence that has grown since it began may have taken what was free.
      later(kept.cache, () => {
        while (used() > budget() && evict());
      })
    },
    take: (runner, handoff, id) => {
      const kept = all.get(id)
      return kept?.runner === runner && kept.handoff === handoff ? remove(id) : null
    },
    longest: (runner, handoff, scope, ids) => index.longest(listOf(runner, handoff, scope), ids),
    makeRoom: (bytes) => {
      while (used() + bytes > budget() && evict());
    },
    evict,
    discard: freeLater,
    drop,
    retain: (isHere) => {
      for (const [id, { owner }] of [...all]) if (owner && !isHere(owner.client)) giveUp(id)
    },
    distrust: (runner) => {
      for (const [id, kept] of [...all]) if (kept.runner === runner) giveUp(id)
    },
    forget: (runner) => {
      for (const [id, kept] of [...all]) if (kept.runner === runner) remove(id)?.log.close()
    },
    entries: () => all.size,
    bytes: () => [...all.values()].reduce((sum, { runner, cache }) => sum + (runner.cached(cache)?.bytes ?? 0), 0),
  }
}
