import type { Placement, Shard } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'

/** Where a device stands in a ring. */
export type RingPlace = {
  readonly shard: Shard
  /** The shard before and after; null at the ends. */
  readonly previous: Shard | null
  readonly next: Shard | null
  readonly head: Shard
  readonly tail: Shard
  readonly others: readonly Shard[]
  /** The device that the next frame of a lap goes to: the next shard, or the head from the tail; null in a ring of one. */
  readonly follower: PeerId | null
  /** The device that the frames of a lap come from; null in a ring of one. */
  readonly leader: PeerId | null
}

/** @throws {Error} when `self` has no shard in `placement` */
export function ringPlaceOf(placement: Placement, self: PeerId): RingPlace {
  const { shards } = placement
  const index = shards.findIndex((shard) => shard.peerId === self)
  const [shard, head, tail] = [shards[index], shards[0], shards.at(-1)]
  if (!shard || !head || !tail) throw new Error(`placement ${placement.epoch} has no shard for ${self}`)
  const others = shards.filter((other) => other.peerId !== self)
  const [previous, next] = [shards[index - 1] ?? null, shards[index + 1] ?? null]
  const isAlone = others.length === 0
  return {
    shard,
    head,
    tail,
    previous,
    next,
    others,
    follower: isAlone ? null : (next ?? head).peerId,
    leader: isAlone ? null : (previous ?? tail).peerId,
  }
}
