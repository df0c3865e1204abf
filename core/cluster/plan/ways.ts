/** How long the ways between devices are: from their links, and from the laps of a ring at work. */
import type { PeerEntry } from '../../../protocol/cluster.ts'
import type { PeerId } from '../../../protocol/ids.ts'
import type { ModelSizing } from '../sizing.ts'
import type { HopModel } from './lap-model.ts'
import { median } from './median.ts'
import { LEAST_LAPS, type ObservedRing } from './paces.ts'

/** Bytes of one number of a hidden state on the wire, at most. */
const NUMBER_BYTES = 4
/** Where nobody has measured: a network at home, and a message's way between worker, page and network process. */
const UNKNOWN = { rttMs: 10, bytesPerSecond: 12_500_000, handlingMs: 1 } as const

type Between<T> = (from: PeerId, to: PeerId) => T

function roundTrips(devices: readonly PeerEntry[]): Between<number> {
  const reported = new Map<string, number>()
  for (const { id, status } of devices)
    for (const { peerId, rttMs } of status.links) {
      if (rttMs === null) continue
      // Either end's figure may be older: the smaller one has waited less.
      for (const key of [`${id} ${peerId}`, `${peerId} ${id}`]) reported.set(key, Math.min(rttMs, reported.get(key) ?? Infinity))
    }
  const usual = median([...reported.values()]) ?? UNKNOWN.rttMs
  return (from, to) => reported.get(`${from} ${to}`) ?? usual
}

/**
 * Bytes per second of each way, as its receiver saw large messages arrive. Where two devices have sent each other none: no more than the
 * one has ever sent anybody, and the other had from anybody.
 */
export function bandwidths(devices: readonly PeerEntry[]): Between<number> {
  const arrived = new Map<string, number>()
  const [up, down] = [new Map<PeerId, number>(), new Map<PeerId, number>()]
  const raise = (most: Map<PeerId, number>, id: PeerId, rate: number): void => void most.set(id, Math.max(rate, most.get(id) ?? 0))
  for (const { id, status } of devices)
    for (const { peerId, arrivalBytesPerSecond: rate } of status.links) {
      if (!rate) continue
      arrived.set(`${peerId} ${id}`, rate)
      raise(up, peerId, rate)
      raise(down, id, rate)
    }
  return (from, to) => {
    const known = arrived.get(`${from} ${to}`)
    const most = Math.min(up.get(from) ?? Infinity, down.get(to) ?? Infinity)
    return known ?? (most < Infinity ? most : UNKNOWN.bytesPerSecond)
  }
}

type Ways = { readonly rttMs: Between<number>; readonly busyMs: Between<number> }

function waysOf(devices: readonly PeerEntry[], { hiddenSize }: Pick<ModelSizing, 'hiddenSize'>): Ways {
  const bytesPerSecond = bandwidths(devices)
  return { rttMs: roundTrips(devices), busyMs: (from, to) => ((hiddenSize * NUMBER_BYTES) / bytesPerSecond(from, to)) * 1000 }
}

/** What a hop of a ring at work takes beside half a round trip and its bytes, in milliseconds; null where it has none, or has run too little. */
export function observedHandling(
  devices: readonly PeerEntry[],
  sizing: Pick<ModelSizing, 'hiddenSize'>,
  { placement, laps }: ObservedRing,
): number | null {
  const { shards } = placement
  if (laps.laps < LEAST_LAPS || shards.length < 2) return null
  const { rttMs, busyMs } = waysOf(devices, sizing)
  const inStages = laps.stages.reduce((sum, { queueMs, computeMs, readBackMs }) => sum + queueMs + computeMs + readBackMs, 0)
  const onWires = shards.reduce((sum, { peerId: from }, i) => {
    const next = shards[i + 1]
    // The last way carries an id only.
    return sum + rttMs(from, (next ?? shards[0])?.peerId ?? from) / 2 + (next ? busyMs(from, next.peerId) : 0)
  }, 0)
  return Math.max(0, (laps.lapMs - inStages - onWires) / shards.length)
}

/** Hops between `devices`. @param handlingMs as it was last observed; null where it never was */
export function hopsBetween(devices: readonly PeerEntry[], sizing: ModelSizing, handlingMs: number | null): HopModel {
  const { rttMs, busyMs } = waysOf(devices, sizing)
  return (from, to) => {
    const idMs = rttMs(from, to) / 2 + (handlingMs ?? UNKNOWN.handlingMs)
    const busy = busyMs(from, to)
    return { activationMs: idMs + busy, idMs, busyMs: busy }
  }
}
