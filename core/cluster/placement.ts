import type { Placement, Shard, Spare } from '../../protocol/cluster.ts'
import { explain, mib } from './explain.ts'
import { holdingOf, splitInFormats, type FormattedSplit, type Splitter } from './format-choice.ts'
import { heldRanges } from './held-ranges.ts'
import { keptRanges } from './kept-ranges.ts'
import { lendersOf, type HeldRanges, type PlacementRequest } from './placement-request.ts'
import { emptySpare, namedSpares, spareRanges } from './repair.ts'
import { withMemoryLeft } from './taken-memory.ts'
import { timePlanning, type TimePlanning } from './time-plan.ts'

export type { PlacementRequest } from './placement-request.ts'

/** A ring that is so much slower than the one that replaces it is left as soon as that is ready. */
const TOO_SLOW_TO_END_ON = 1.5

/** A placement without shards that says why. */
function refused(request: PlacementRequest, problem: NonNullable<Placement['problem']>): Placement {
  const { wish, sizing, announcer, epoch } = request
  return {
    model: wish.model,
    source: wish.source,
    epoch,
    strategy: wish.strategy,
    quality: wish.quality,
    announcer,
    numLayers: sizing.numLayers,
    contextLength: sizing.contextLength,
    handoff: 'f32',
    shards: [],
    spares: [...namedSpares(request.devices.map((device) => emptySpare(device.id)))],
    explanation: [problem.message],
    problem,
  }
}

function shortBy(request: PlacementRequest, split: Extract<FormattedSplit, { fits: false }>): Placement {
  const [refusal] = split.refusals.values()
  if (refusal !== undefined && split.refusals.size === request.devices.length)
    return refused(request, { code: 'unsupported_backend', message: `no device here runs ${request.wish.model}: ${refusal}`.slice(0, 2000) })
  const names = new Map(request.devices.map((device) => [device.id, device.name]))
  const rows = split.perDevice.map((device) => `${names.get(device.peerId) ?? device.peerId} has room for ${device.layers}`)
  const message = `${request.wish.model} is short by ${mib(split.missingBytes)}: of its ${request.sizing.numLayers} layers ${rows.join(', ')}`
  return refused(request, { code: 'not_enough_memory', message: message.slice(0, 2000), missingBytes: split.missingBytes })
}

/** Devices beside the ring, with the ranges they hold ready. The server's own device steps back altogether unless it is to stay. */
function sparesOf({ wish, devices, sizing, taken = new Map() }: PlacementRequest, ranges: HeldRanges): readonly Spare[] {
  const beside = withMemoryLeft(devices, taken, 'all').filter((device) => !ranges.has(device.id))
  const members = beside.filter((device) => device.role === 'device' || wish.localDevice === 'stay')
  const others = beside.filter((device) => !members.includes(device))
  return namedSpares([
    ...spareRanges(ranges.values(), lendersOf(members), { sizing, quality: wish.quality }),
    ...others.map(({ id }) => emptySpare(id)),
  ])
}

function shardsOf(ranges: HeldRanges, { sizing, devices }: PlacementRequest): readonly Shard[] {
  const { numLayers } = sizing
  const inOrder = [...ranges].toSorted(([, a], [, b]) => a.startLayer - b.startLayer)
  return inOrder.map(([peerId, { startLayer, endLayer, weightFormat }]) => {
    const capabilities = devices.find(({ id }) => id === peerId)?.capabilities
    return {
      peerId,
      startLayer,
      endLayer,
      first: startLayer === 0,
      last: endLayer === numLayers,
      weightFormat,
      ...(capabilities ? { memoryBytes: Math.ceil(sizing.shardBytes({ startLayer, endLayer }, holdingOf(capabilities, weightFormat))) } : {}),
    }
  })
}

/** Whether what runs on the known ring should go over at once: its devices are all there, and slow. */
function isSlow({ known }: PlacementRequest, ranges: HeldRanges, { rateOf }: TimePlanning): boolean {
  const before = rateOf(new Map(known?.shards.map((shard) => [shard.peerId, shard])))
  return before > 0 && before < Infinity && rateOf(ranges) > TOO_SLOW_TO_END_ON * before
}

/** Browsers first; the server's own device serves alone while they cannot hold the model, or beside them when asked to stay. */
function splitOver(request: PlacementRequest, splitLayers: Splitter): FormattedSplit | { readonly fits: 'too-few'; readonly present: number } {
  const { wish, devices, sizing } = request
  const browsers = devices.filter((device) => device.role === 'device')
  const members = wish.localDevice === 'stay' ? devices : browsers
  const split = splitInFormats(lendersOf(members), sizing, wish.quality, wish.maxDevices, splitLayers)
  const enough = browsers.length >= wish.minDevices || (wish.localDevice === 'stay' && members.length >= wish.minDevices)
  if (enough && split.fits) return split
  const local = devices.filter((device) => device.role === 'local-device')
  const alone = splitInFormats(lendersOf(local), sizing, wish.quality, 1, splitLayers)
  if (alone.fits) return { ...alone, spares: members.filter((device) => !alone.ranges.has(device.id)).map((device) => device.id) }
  const together = splitInFormats(lendersOf(devices), sizing, wish.quality, wish.maxDevices, splitLayers)
  if (enough && together.fits) return together
  return devices.length >= wish.minDevices ? together : { fits: 'too-few', present: browsers.length }
}

/**
 * The placement of a wish over the devices present. Pure: the same on every peer that sees the same roster.
 * Never throws for a model that does not fit; the placement then has no shards and says what is missing.
 */
export function place(asked: PlacementRequest): Placement {
  const request = { ...asked, devices: withMemoryLeft(asked.devices, asked.taken ?? new Map(), 'shards') }
  const planning = timePlanning(request)
  const split = splitOver(request, planning.split)
  if (split.fits === 'too-few') {
    return refused(request, { code: 'no_ring', message: `waiting for devices: ${split.present} of ${request.wish.minDevices} are here` })
  }
  if (!split.fits) return shortBy(request, split)
  const fresh = heldRanges(split)
  const ranges = keptRanges(request, fresh, planning) ?? fresh
  const shards = shardsOf(ranges, request)
  const spares = sparesOf(asked, ranges)
  const lap = planning.lapOf(ranges)
  return {
    ...refused(request, { code: 'no_ring', message: '' }),
    handoff: request.sizing.needsF32 || shards.every((shard) => shard.weightFormat === 'f32') ? 'f32' : 'f16',
    shards: [...shards],
    spares: [...spares],
    explanation: request.isBrief ? [] : explain(request, ranges, { shards, spares }, planning),
    ...(lap && !lap.isGuess ? { predictedLapMs: lap.lapMs } : {}),
    ...(isSlow(request, ranges, planning) ? { cutOver: 'soon' as const } : {}),
    problem: null,
  }
}
