import type { PeerEntry, Placement } from '../../protocol/cluster.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import { wishStateOf, type ClusterView } from './cluster-view.ts'

/** Bytes of a device that other models have: their shards, and with what spares hold ready. A shard goes before a spare. */
export type Taken = { readonly shards: number; readonly all: number }
export type TakenMemory = ReadonlyMap<PeerId, Taken>

/** What the models other than `model` have of each device. Those that are not to be loaded have nothing. */
export function takenMemory(view: ClusterView, placements: Iterable<Placement>, model: ModelId): TakenMemory {
  const taken = new Map<PeerId, Taken>()
  const add = (id: PeerId, shards: number, all: number): void => {
    const before = taken.get(id) ?? { shards: 0, all: 0 }
    taken.set(id, { shards: before.shards + shards, all: before.all + all })
  }
  for (const placement of placements) {
    if (placement.model === model || wishStateOf(view, placement.model) !== 'serve' || !view.wishes.has(placement.model)) continue
    for (const { peerId, memoryBytes = 0 } of placement.shards) add(peerId, memoryBytes, memoryBytes)
    for (const { peerId, memoryBytes = 0 } of placement.spares) add(peerId, 0, memoryBytes)
  }
  return taken
}

/** The devices with the memory that is left to them. */
export function withMemoryLeft(devices: readonly PeerEntry[], taken: TakenMemory, what: keyof Taken): readonly PeerEntry[] {
  return devices.map((device) => {
    const bytes = taken.get(device.id)?.[what] ?? 0
    if (bytes === 0 || !device.capabilities) return device
    return { ...device, capabilities: { ...device.capabilities, memoryBytes: Math.max(0, device.capabilities.memoryBytes - bytes) } }
  })
}
