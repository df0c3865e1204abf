import type { PeerEntry, Placement, Wish } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { HeldRange } from './repair.ts'
import type { Lender } from './format-choice.ts'
import type { Pace } from './plan/lap-model.ts'
import type { ModelSizing } from './sizing.ts'
import type { TakenMemory } from './taken-memory.ts'

export type PlacementRequest = {
  readonly wish: Wish
  /** Devices that may be placed, in any order. */
  readonly devices: readonly PeerEntry[]
  readonly sizing: ModelSizing
  readonly announcer: PeerId
  readonly epoch: number
  /** The last placement of the model that had shards: its ranges stay where they can. */
  readonly known?: Placement | undefined
  /** What devices took for a layer while they were in a ring of this model. */
  readonly observed?: ReadonlyMap<PeerId, Pace>
  /** What a hop took beside its round trip and bytes in the last ring of this model that had any; null or absent: never seen. */
  readonly handlingMs?: number | null
  /** Memory of devices that other models have. */
  readonly taken?: TakenMemory
  /** Streams at once, smoothed: what `auto` places for. Default 1. */
  readonly streams?: number
  /** Whether a ring that is whole may be changed for one that is faster. Default true. */
  readonly mayRearrange?: boolean
  /** Without an explanation: to see what would change. Default false. */
  readonly isBrief?: boolean
}

export type HeldRanges = ReadonlyMap<PeerId, HeldRange>

export const lendersOf = (devices: readonly PeerEntry[]): readonly Lender[] =>
  devices.flatMap((device) => (device.capabilities ? [{ peerId: device.id, capabilities: device.capabilities }] : []))
