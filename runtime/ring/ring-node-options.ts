/** What a ring node needs, and what it is. */
import type { PeerStatus, Wish } from '../../protocol/cluster.ts'
import type { Network } from '../../core/cluster/network.ts'
import type { ModelSizing } from '../../core/cluster/sizing.ts'
import type { ConstraintSource } from '../../core/constrain/constraint-source.ts'
import type { Drafter } from '../../core/speculation/drafter.ts'
import type { ShardFetcher, ShardLoader } from './shard-store.ts'

export type RingNodeOptions = {
  readonly network: Network
  readonly load: ShardLoader
  readonly fetch: ShardFetcher
  readonly sizing: (wish: Wish) => Promise<ModelSizing>
  /** Absent where answers under a grammar are refused. */
  readonly constraints?: ConstraintSource
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** Lets waiting events have their turn; default: a task of its own. */
  readonly turn?: () => Promise<void>
  /** What the device lends, weights and KV caches together. */
  readonly memoryBytes: () => number
  /** A KV cache could not grow, though all that was kept has been given up. */
  readonly onMemoryOut?: (heldBytes: number) => void
  /** Part of the time that the device may compute, above 0 and at most 1; default: all of it. */
  readonly share?: () => number
  /** Guesses ahead of each answer; default: from the prompt and the answer itself. */
  readonly newDrafter?: () => Drafter
  /** What its shards sent on is kept up to this many bytes in all. */
  readonly logBytes?: number
  /** Questions that wait at a head for room beside those that run. Default: 512, as with Ollama. */
  readonly mostWaiting?: number
  /** Uniform in [0, 1), for what others must not foresee. Default: Math.random. */
  readonly random?: () => number
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

export type RingNode = {
  /** A paused device keeps what it serves but is not placed again. */
  readonly setPaused: (paused: boolean) => void
  /** Whether the page around it is in sight. */
  readonly setVisibility: (visibility: PeerStatus['visibility']) => void
  readonly status: () => Omit<PeerStatus, 'links'>
  /** Called after each change of the status. */
  readonly onStatus: (listener: () => void) => void
  /** Ends every sequence with a typed error and frees everything. */
  readonly close: () => Promise<void>
}
