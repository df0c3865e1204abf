import type { PeerId } from '../../protocol/ids.ts'
import type { Holding, LayerRange, ModelSizing } from './sizing.ts'

/** A device, its memory, and how it is to hold its share. */
export type Candidate = { readonly peerId: PeerId; readonly memoryBytes: number; readonly holding: Holding }
export type Split =
  | { readonly fits: true; readonly ranges: ReadonlyMap<PeerId, LayerRange>; readonly spares: readonly PeerId[] }
  | { readonly fits: false; readonly missingBytes: number; readonly perDevice: readonly { readonly peerId: PeerId; readonly layers: number }[] }

const byMemoryThenId = (a: Candidate, b: Candidate): number => b.memoryBytes - a.memoryBytes || (a.peerId < b.peerId ? -1 : 1)

/** Most layers that fit when the range starts at `start`, at most `numLayers - start`. */
function mostLayersFrom(start: number, device: Candidate, sizing: ModelSizing): number {
  let layers = 0
  while (start + layers < sizing.numLayers) {
    const range = { startLayer: start, endLayer: start + layers + 1 }
    if (sizing.shardBytes(range, device.holding) > device.memoryBytes) break
    layers += 1
  }
  return layers
}

/** Most layers at the place in the ring that the device has: pinned parts count at both ends. */
export function capAt(place: 'only' | 'first' | 'middle' | 'last', device: Candidate, sizing: ModelSizing): number {
  const { numLayers } = sizing
  const fits = (range: LayerRange): boolean => sizing.shardBytes(range, device.holding) <= device.memoryBytes
  switch (place) {
    case 'only':
      return fits({ startLayer: 0, endLayer: numLayers }) ? numLayers : 0
    case 'first':
      return Math.min(mostLayersFrom(0, device, sizing), numLayers - 1)
    case 'middle':
      return mostLayersFrom(1, device, { ...sizing, numLayers: Math.max(numLayers - 1, 1) })
    case 'last': {
      let layers = 0
      while (layers < numLayers - 1 && fits({ startLayer: numLayers - layers - 1, endLayer: numLayers })) layers += 1
      return layers
    }
  }
}

function placeOf(index: number, count: number): 'only' | 'first' | 'middle' | 'last' {
  if (count === 1) return 'only'
  return index === 0 ? 'first' : index === count - 1 ? 'last' : 'middle'
}

/**
 * Layers in proportion to memory: floor, then largest remainder, at least 1 each, never beyond the cap.
 * @returns null when the caps do not reach `total`.
 */
export function proportionalCounts(total: number, weights: readonly number[], caps: readonly number[]): readonly number[] | null {
  if (caps.reduce((sum, cap) => sum + cap, 0) < total || caps.some((cap) => cap < 1) || weights.length > total) return null
  const sum = weights.reduce((a, b) => a + b, 0)
  const ideal = weights.map((weight) => (total * weight) / sum)
  const counts = ideal.map((share, i) => Math.min(Math.max(1, Math.floor(share)), caps[i] ?? 0))
  const need = (i: number): number => (ideal[i] ?? 0) - (counts[i] ?? 0)
  let left = total - counts.reduce((a, b) => a + b, 0)
  while (left !== 0) {
    const step = Math.sign(left)
    const open = counts.map((_, i) => i).filter((i) => (step > 0 ? (counts[i] ?? 0) < (caps[i] ?? 0) : (counts[i] ?? 0) > 1))
    // Ties go to the earlier device, which has the larger memory: the same on every peer.
    const chosen = open.reduce((best, i) => (step * need(i) > step * need(best) ? i : best), open[0] ?? 0)
    counts[chosen] = (counts[chosen] ?? 0) + step
    left -= step
  }
  return counts
}

function rangesOf(order: readonly Candidate[], counts: readonly number[]): ReadonlyMap<PeerId, LayerRange> {
  const ranges = new Map<PeerId, LayerRange>()
  let startLayer = 0
  order.forEach((device, i) => {
    const endLayer = startLayer + (counts[i] ?? 0)
    ranges.set(device.peerId, { startLayer, endLayer })
    startLayer = endLayer
  })
  return ranges
}

/** Index of the first device whose actual range exceeds its memory; -1 when all fit. Layers need not be uniform. */
function firstOverflow(order: readonly Candidate[], ranges: ReadonlyMap<PeerId, LayerRange>, sizing: ModelSizing): number {
  return order.findIndex((device) => {
    const range = ranges.get(device.peerId)
    return range !== undefined && sizing.shardBytes(range, device.holding) > device.memoryBytes
  })
}

function trySplit(order: readonly Candidate[], sizing: ModelSizing): ReadonlyMap<PeerId, LayerRange> | null {
  const caps = order.map((device, i) => capAt(placeOf(i, order.length), device, sizing))
  const memory = order.map((device) => device.memoryBytes)
  for (;;) {
    const counts = proportionalCounts(sizing.numLayers, memory, caps)
    if (!counts) return null
    const ranges = rangesOf(order, counts)
    const overflow = firstOverflow(order, ranges, sizing)
    if (overflow < 0) return ranges
    caps[overflow] = (counts[overflow] ?? 1) - 1
  }
}

/**
 * exo's strategy with a cap: all devices, sorted by memory then id. Pure. Devices that cannot hold one layer, and devices
 * beyond the number of layers or `maxDevices`, become spares.
 */
export function splitMemoryWeighted(devices: readonly Candidate[], sizing: ModelSizing, maxDevices: number): Split {
  const sorted = [...devices].sort(byMemoryThenId)
  let order = sorted.slice(0, Math.min(maxDevices, sizing.numLayers))
  while (order.length > 0) {
    const ranges = trySplit(order, sizing)
    if (ranges) return { fits: true, ranges, spares: sorted.filter((device) => !ranges.has(device.peerId)).map((device) => device.peerId) }
    const withRoom = order.filter((device, i) => capAt(placeOf(i, order.length), device, sizing) > 0)
    if (withRoom.length === order.length) break
    order = withRoom
  }
  return shortfall(sorted.slice(0, maxDevices), sizing)
}

/** The least memory that, added to the largest device, would make the model fit beside what the others can hold. */
function shortfall(devices: readonly Candidate[], sizing: ModelSizing): Split {
  const perDevice = devices.map((device, i) => ({ peerId: device.peerId, layers: capAt(placeOf(i, Math.max(devices.length, 2)), device, sizing) }))
  const largest = devices[0]
  if (!largest) return { fits: false, missingBytes: 0, perDevice }
  const byOthers = perDevice.slice(1).reduce((sum, device) => sum + device.layers, 0)
  const endLayer = Math.max(sizing.numLayers - byOthers, 1)
  const missingBytes = sizing.shardBytes({ startLayer: 0, endLayer }, largest.holding) - largest.memoryBytes
  return { fits: false, missingBytes: Math.max(Math.ceil(missingBytes), 1), perDevice }
}
