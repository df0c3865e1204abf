/**
 * What becomes of a ring whose devices change: ranges stay where they are as far as they can, for a range that stays keeps its
 * weights and the KV caches of every answer that runs.
 */
import type { Placement, Quality, Spare, WeightFormat } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { formatsToTry, holdingOf, type Lender } from './format-choice.ts'
import type { LayerRange, ModelSizing } from './sizing.ts'

/** A range as a device holds it. */
export type HeldRange = LayerRange & { readonly weightFormat: WeightFormat }
export type RepairRequest = {
  /** The placement that lost devices. */
  readonly known: Placement
  /** Devices that may be placed now. */
  readonly devices: readonly Lender[]
  readonly sizing: ModelSizing
  readonly quality: Quality
  readonly maxDevices: number
}

/** More spares of one range load what is hardly ever needed, and a thousand of them make every placement long. */
const MOST_HOLDERS = 3
/** Lines of devices that hold nothing ready. */
const MOST_IDLE_LINES = 64

type Held = { readonly lender: Lender; range: HeldRange }
type Sizes = Pick<RepairRequest, 'sizing' | 'quality'>
const sameRange = (a: LayerRange, b: LayerRange): boolean => a.startLayer === b.startLayer && a.endLayer === b.endLayer

/** The range in the preferred format if the device has room for it so, else in the first other that fits; null when none does. */
function held(
  range: LayerRange,
  { capabilities }: Lender,
  { sizing, quality }: Sizes,
  preferred: WeightFormat | null,
  memoryBytes = capabilities.memoryBytes,
): HeldRange | null {
  const formats = formatsToTry(capabilities, quality, sizing)
  const isUsable = (format: WeightFormat): boolean =>
    capabilities.weightFormats.includes(format) && sizing.refusal(holdingOf(capabilities, format)) === null
  const tried = preferred && isUsable(preferred) ? [preferred, ...formats] : formats
  const weightFormat = tried.find((format) => sizing.shardBytes(range, holdingOf(capabilities, format)) <= memoryBytes)
  const { startLayer, endLayer } = range
  return weightFormat ? { startLayer, endLayer, weightFormat } : null
}

/** The spare that takes `lost` over: one that holds it ready, else the one with the most memory that has room for it. */
function takeOver(lost: HeldRange, spares: readonly Lender[], request: RepairRequest): Held | null {
  const able = spares.flatMap((lender) => {
    const ready = request.known.spares.find((spare) => spare.peerId === lender.peerId && sameRange(spare, lost))
    const range = held(lost, lender, request, ready?.weightFormat ?? lost.weightFormat)
    return range ? [{ lender, range, isReady: ready !== undefined }] : []
  })
  const memory = ({ lender }: { lender: Lender }): number => lender.capabilities.memoryBytes
  const [best] = able.toSorted((a, b) => Number(b.isReady) - Number(a.isReady) || memory(b) - memory(a))
  return best ? { lender: best.lender, range: best.range } : null
}

/** Shares `gap` between the shards on both sides, so that their layers are as near to their memory as they can. False when they have no room. */
function extend(left: Held | null, right: Held | null, gap: LayerRange, sizes: Sizes): boolean {
  const from = left?.range.startLayer ?? gap.startLayer
  const to = right?.range.endLayer ?? gap.endLayer
  const [a, b] = [left?.lender.capabilities.memoryBytes ?? 0, right?.lender.capabilities.memoryBytes ?? 0]
  const ideal = from + ((to - from) * a) / (a + b)
  const cuts = Array.from({ length: gap.endLayer - gap.startLayer + 1 }, (_, i) => gap.startLayer + i)
    .filter((cut) => (left ? true : cut === gap.startLayer) && (right ? true : cut === gap.endLayer))
    .toSorted((x, y) => Math.abs(x - ideal) - Math.abs(y - ideal))
  for (const cut of cuts) {
    const before = left && held({ startLayer: from, endLayer: cut }, left.lender, sizes, left.range.weightFormat)
    const after = right && held({ startLayer: cut, endLayer: to }, right.lender, sizes, right.range.weightFormat)
    if ((left && !before) || (right && !after)) continue
    if (left && before) left.range = before
    if (right && after) right.range = after
    return true
  }
  return false
}

/** Extends neighbours over every stretch of layers that nobody holds. */
function closeGaps(ring: Held[], sizes: Sizes): boolean {
  const { numLayers } = sizes.sizing
  ring.sort((a, b) => a.range.startLayer - b.range.startLayer)
  let left: Held | null = null
  for (const right of [...ring, null]) {
    const startLayer: number = left?.range.endLayer ?? 0
    const endLayer = right?.range.startLayer ?? numLayers
    if (endLayer > startLayer && !extend(left, right, { startLayer, endLayer }, sizes)) return false
    left = right
  }
  return true
}

/** The shards of `known` with those of lost devices given to spares, else to their neighbours. Null when that cannot be. */
export function repairRanges(request: RepairRequest): ReadonlyMap<PeerId, HeldRange> | null {
  const { known, devices, maxDevices } = request
  const byId = new Map(devices.map((device) => [device.peerId, device]))
  const ring: Held[] = known.shards.flatMap((shard) => {
    const lender = byId.get(shard.peerId)
    return lender ? [{ lender, range: shard }] : []
  })
  if (ring.length === 0) return null
  const free = devices.filter((device) => !ring.some(({ lender }) => lender === device))
  for (const lost of known.shards.filter((shard) => !byId.has(shard.peerId))) {
    const taken = ring.length < maxDevices ? takeOver(lost, free, request) : null
    if (!taken) continue
    free.splice(free.indexOf(taken.lender), 1)
    ring.push(taken)
  }
  if (!closeGaps(ring, request)) return null
  return new Map(ring.map(({ lender, range }) => [lender.peerId, range]))
}

/**
 * The ranges that spares hold ready: each range is held once before any is held twice, those of many layers first, since they take
 * longest to compute anew, and none more than `MOST_HOLDERS` times. A spare that holds none has a line with an empty range.
 */
export function spareRanges(ranges: Iterable<HeldRange>, spares: readonly Lender[], sizes: Sizes): readonly Spare[] {
  const wanted = [...ranges].map((range) => ({ range, times: 0 }))
  const size = ({ startLayer, endLayer }: LayerRange): number => endLayer - startLayer
  return spares.flatMap((lender) => {
    const lines: Spare[] = []
    let left = lender.capabilities.memoryBytes
    const open = wanted.filter(({ times }) => times < MOST_HOLDERS)
    for (const entry of open.toSorted((a, b) => a.times - b.times || size(b.range) - size(a.range))) {
      const range = held(entry.range, lender, sizes, entry.range.weightFormat, left)
      if (!range) continue
      const memoryBytes = Math.ceil(sizes.sizing.shardBytes(range, holdingOf(lender.capabilities, range.weightFormat)))
      left -= memoryBytes
      entry.times += 1
      const { startLayer, endLayer, weightFormat } = range
      lines.push({ peerId: lender.peerId, startLayer, endLayer, weightFormat, memoryBytes })
    }
    return lines.length > 0 ? lines : [emptySpare(lender.peerId)]
  })
}

/** The spares that a placement names: all that hold something, and of the others as many as anybody wants to read. */
export const namedSpares = (spares: readonly Spare[]): readonly Spare[] => {
  const isIdle = ({ startLayer, endLayer }: Spare): boolean => startLayer === endLayer
  const idle = new Set(spares.filter(isIdle).slice(0, MOST_IDLE_LINES))
  return spares.filter((spare) => !isIdle(spare) || idle.has(spare))
}

/** A device beside the ring that holds nothing ready. */
export const emptySpare = (peerId: PeerId): Spare => ({ peerId, startLayer: 0, endLayer: 0, weightFormat: 'f32' })
