/** What a shard keeps of sequences that are over, and how a new one begins with it. */
import type { Placement } from '../../protocol/cluster.ts'
import { toClusterError } from '../../protocol/errors.ts'
import type { SequenceId } from '../../protocol/ids.ts'
import { scopeOf, type Kept, type PrefixCache } from './prefix-cache.ts'
import type { RingPlace } from './ring-place.ts'
import { truncate, type Sequence } from './sequence.ts'
import type { ShardRunner } from '../shard-runner.ts'

export type StagePrefix = {
  /** The sequence is over, its KV cache stays. What it holds must be of one future: nothing inherited that is not settled. */
  readonly keep: (sequence: Sequence) => void
  /** A new sequence begins with up to `position` tokens of one that was kept. Returns how many it has of them. */
  readonly adopt: (sequence: Sequence, source: SequenceId, position: number) => number
  /** Does what opens a KV cache: sequences that run go before all that are kept, which make room. @throws {ClusterError} what `work` throws when nothing is kept */
  readonly withRoom: <Output>(sequence: Sequence, work: () => Promise<Output>) => Promise<Output>
}

export type StagePrefixOptions = {
  readonly runner: ShardRunner
  readonly prefixes: PrefixCache
  readonly placement: Placement
  /** Monotonic milliseconds. */
  readonly now: () => number
}

export function createStagePrefix({ runner, prefixes, placement, now }: StagePrefixOptions, place: RingPlace): StagePrefix {
  const { handoff } = placement

  /** At the head: what a later sequence must begin with to go on from this one. */
  function ownerOf({ job, answerIds }: Sequence, length: number): Kept['owner'] {
    if (!place.shard.first || !job || job.cacheScope === null) return null
    const ids = [...job.promptIds, ...answerIds]
    const isAnew = runner.restartAt !== null && ids.length > runner.restartAt
    return { client: job.client, scope: scopeOf(job.client, job.cacheScope, isAnew), ids: ids.slice(0, length) }
  }

  return {
    keep: (sequence) => {
      const { id, cache, log } = sequence
      const length = Math.min(sequence.length, sequence.sure)
      log.truncate(length)
      prefixes.keep({ id, runner, handoff, cache, length, log, owner: ownerOf(sequence, length) })
    },
    adopt: (sequence, source, position) => {
      const kept = prefixes.take(runner, handoff, source)
      if (!kept) return 0
      const length = Math.min(kept.length, position)
      // States are of their last token only.
      const isExact = runner.cached(kept.cache)?.tokens === length
      if (length === 0 || (!runner.canRewind && !isExact)) {
        prefixes.discard(kept)
        return 0
      }
      sequence.log.close()
      sequence.log = kept.log
      sequence.cache = kept.cache
      truncate(sequence, length)
      sequence.length = sequence.expected = sequence.sure = sequence.sentTo = length
      sequence.touchedAt = now()
      return length
    },
    withRoom: async ({ cache }, work) => {
      const isNew = runner.cached(cache) === null
      if (isNew) prefixes.makeRoom(runner.newCacheBytes(placement.contextLength))
      for (;;) {
        try {
          return await work()
        } catch (error) {
          if (!isNew || toClusterError(error).code !== 'not_enough_memory' || !prefixes.evict()) throw error
          runner.release(cache)
        }
      }
    },
  }
}
