/** A placement in words: what each device got and why, what a lap takes, and what one device more or less would do. */
import type { PeerEntry, Shard, Spare } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { formatsToTry, holdingOf, splitInFormats } from './format-choice.ts'
import { lendersOf, type HeldRanges, type PlacementRequest } from './placement-request.ts'
import { heldRanges } from './held-ranges.ts'
import type { TimePlanning } from './time-plan.ts'

/** Devices for which it is computed what the ring would be without, or with them. */
const COMPARED = 8

export const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`
const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`

/** What a device got, and why not in the format that was wished. */
function explainShard(
  { wish, sizing, taken }: PlacementRequest,
  { paceOf }: TimePlanning,
  shard: Shard,
  device: PeerEntry | undefined,
): readonly string[] {
  if (!device?.capabilities) return []
  const { capabilities, name } = device
  const { weightFormat } = shard
  const needed = sizing.shardBytes(shard, holdingOf(capabilities, weightFormat))
  const layers = shard.endLayer - shard.startLayer
  const { layerMs, isGuess } = paceOf(device, weightFormat)
  const speed = isGuess ? '' : `, takes ${ms(layerMs)} a layer`
  const others = taken?.get(device.id)?.shards ?? 0
  const pledged = mib(capabilities.memoryBytes + others) + (others > 0 ? `, of which other models have ${mib(others)}` : '')
  const got = `${name} pledges ${pledged}${speed}, gets ${layers} of ${sizing.numLayers} layers in ${weightFormat}, needs ${mib(needed)}`
  const [wished = weightFormat] = formatsToTry(capabilities, wish.quality, sizing)
  if (wished === weightFormat) return [got]
  const wanted = sizing.shardBytes(shard, holdingOf(capabilities, wished))
  return [got, `${name} holds ${weightFormat} because ${wished} does not fit: its layers alone would need ${mib(wanted)}`]
}

function explainStrategy({ wish }: PlacementRequest, { streams }: TimePlanning): string {
  switch (wish.strategy) {
    case 'memory-weighted':
      return 'Layers are in proportion to pledged memory.'
    case 'latency':
      return 'The shortest lap for one stream: layers go to the fastest devices as far as their memory reaches, and a device that only adds a hop stays out.'
    case 'throughput':
      return 'The most tokens of many streams together: layers are in proportion to speed, so that no device is much slower than the others.'
    case 'auto':
      return `The most tokens a second for ${streams === 1 ? 'one stream' : `${streams} streams`}, which is what is asked of this ring now.`
  }
}

function explainLap(ranges: HeldRanges, { lapOf, rateOf, streams }: TimePlanning): readonly string[] {
  const lap = lapOf(ranges)
  if (!lap || lap.isGuess) return []
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const hops = lap.hopsMs.length === 0 ? 'no hops' : `${ms(sum(lap.hopsMs))} in ${lap.hopsMs.length} hops`
  const of = streams === 1 ? 'of one stream' : streams === Infinity ? 'of many streams together' : `of ${streams} streams together`
  return [
    `A lap is predicted to take ${ms(lap.lapMs)}: ${ms(sum(lap.stagesMs))} in layers and head, ${hops}. ${rateOf(ranges).toPrecision(3)} tokens a second ${of}.`,
  ]
}

/** How much slower or faster, in words. */
function change(from: number, to: number): string {
  const percent = Math.round(100 * (to / from - 1))
  return percent === 0 ? 'as fast' : percent > 0 ? `${percent} % faster` : `${-percent} % slower`
}

/** What the ring would be without each of its devices, and with each spare. */
function explainChanges(request: PlacementRequest, ranges: HeldRanges, planning: TimePlanning): readonly string[] {
  const { wish, sizing } = request
  const now = planning.rateOf(ranges)
  const lap = planning.lapOf(ranges)
  if (!lap || lap.isGuess) return []
  const members = request.devices.filter((device) => device.role === 'device' || ranges.has(device.id))
  const rate = (devices: readonly PeerEntry[], splitter = planning.split): number | null => {
    const split = splitInFormats(lendersOf(devices), sizing, wish.quality, wish.maxDevices, splitter)
    return split.fits ? planning.rateOf(heldRanges(split)) : null
  }
  const without = members.filter(({ id }) => ranges.has(id)).slice(0, COMPARED)
  const beside = wish.strategy === 'memory-weighted' ? [] : members.filter(({ id }) => !ranges.has(id)).slice(0, COMPARED)
  return [
    ...without.map(({ id, name }) => {
      const other = rate(members.filter((device) => device.id !== id))
      return other === null ? `Without ${name} the model would not fit.` : `Without ${name} the ring would be ${change(now, other)}.`
    }),
    ...beside.flatMap(({ id, name }) => {
      const split = splitInFormats(lendersOf(members), sizing, wish.quality, wish.maxDevices, planning.splitWith(id))
      const isIn = split.fits && split.ranges.has(id)
      return isIn ? [`With ${name} in it the ring would be ${change(now, planning.rateOf(heldRanges(split)))}.`] : []
    }),
  ]
}

function explainSpares(byId: ReadonlyMap<PeerId, PeerEntry>, spares: readonly Spare[]): readonly string[] {
  return [...new Set(spares.map((spare) => spare.peerId))].map((id) => {
    const ready = spares.filter((spare) => spare.peerId === id && spare.endLayer > spare.startLayer)
    const ranges = ready.map((spare) => `${spare.startLayer}–${spare.endLayer - 1}`).join(', ')
    return `${byId.get(id)?.name ?? id} is a spare${ranges ? ` and holds layers ${ranges} ready` : ''}`
  })
}

export function explain(
  request: PlacementRequest,
  ranges: HeldRanges,
  { shards, spares }: { readonly shards: readonly Shard[]; readonly spares: readonly Spare[] },
  planning: TimePlanning,
): string[] {
  const byId = new Map(request.devices.map((device) => [device.id, device]))
  const lines = [
    explainStrategy(request, planning),
    ...explainLap(ranges, planning),
    ...shards.flatMap((shard) => explainShard(request, planning, shard, byId.get(shard.peerId))),
    ...(shards.length > 1 ? ['Splitting rarely makes one stream faster; it makes room and lets many streams run at once.'] : []),
    ...explainChanges(request, ranges, planning),
    ...explainSpares(byId, spares),
  ]
  return lines.map((line) => line.slice(0, 2000))
}
