/** How much of the memory that a device lends is taken by what is loaded, and how many more sequences have room beside it. */
import type { ClusterView } from '../../core/cluster/cluster-view.ts'
import type { Placement } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { ShardRunner } from '../shard-runner.ts'

/** Stands for as many sequences as come. */
const MOST_ROOM = 100_000
/** Memory that ran out once more in this time is told of once. */
const MEMORY_OUT_MS = 10_000

export type MemoryRoomOptions = {
  readonly self: PeerId
  /** What the device lends now. */
  readonly memoryBytes: () => number
  readonly view: () => ClusterView
  /** The runner that serves a placement here. */
  readonly runnerOf: (epoch: number) => ShardRunner | undefined
  /** Memory ran out with so many bytes in use. */
  readonly onOut: (bytes: number) => void
  /** Monotonic milliseconds. */
  readonly now: () => number
}

export type MemoryRoom = {
  /** A runner is loaded, ready to serve or serving. */
  readonly add: (runner: ShardRunner) => void
  readonly remove: (runner: ShardRunner) => void
  /** Bytes that KV caches may take beside all that is loaded. */
  readonly cacheBudget: () => number
  /** Bytes that KV caches take. */
  readonly cachesBytes: () => number
  /** Sequences whose KV caches fit beside all that is loaded; what is kept of ended ones makes room. */
  readonly of: (runner: ShardRunner) => number
  /** What every shard of a ring has room for, as far as its devices have said. */
  readonly on: (placement: Placement) => number
  /** An allocation failed. Answers that run out of memory together count as one. */
  readonly ranOut: () => void
}

export function createMemoryRoom({ self, memoryBytes, view, runnerOf, onOut, now }: MemoryRoomOptions): MemoryRoom {
  const runners = new Set<ShardRunner>()
  const sumOf = (bytesOf: (runner: ShardRunner) => number): number => [...runners].reduce((sum, runner) => sum + bytesOf(runner), 0)
  const cacheBudget = (): number => memoryBytes() - sumOf(({ heldBytes }) => heldBytes)
  const cachesBytes = (): number => sumOf((runner) => runner.cachesBytes())
  let ranOutAt = Number.NEGATIVE_INFINITY

  const roomOf = (runner: ShardRunner): number => {
    const bytes = runner.newCacheBytes(Number.MAX_SAFE_INTEGER)
    return bytes === 0 ? MOST_ROOM : Math.min(MOST_ROOM, Math.max(1, Math.floor(cacheBudget() / bytes)))
  }

  return {
    add: (runner) => void runners.add(runner),
    remove: (runner) => void runners.delete(runner),
    cacheBudget,
    cachesBytes,
    of: roomOf,
    on: ({ epoch, shards }) => {
      const { peers } = view()
      const rooms = shards.map(({ peerId }) => {
        const own = peerId === self ? runnerOf(epoch) : undefined
        if (own) return roomOf(own)
        return peers.get(peerId)?.status.shards.find((report) => report.epoch === epoch)?.room ?? MOST_ROOM
      })
      return Math.min(...rooms)
    },
    ranOut: () => {
      if (now() - ranOutAt < MEMORY_OUT_MS) return
      ranOutAt = now()
      onOut(sumOf((runner) => runner.heldBytes + runner.cachesBytes()))
    },
  }
}
