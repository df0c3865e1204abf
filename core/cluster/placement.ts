import { ClusterError } from '../../protocol/errors.ts'
import type { PeerEntry, Placement, Shard, Spare, Strategy, Wish } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { formatsToTry, holdingOf, splitInFormats, type FormattedSplit, type Lender } from './format-choice.ts'
import { emptySpare, repairRanges, spareRanges, type HeldRange } from './repair.ts'
import type { ModelSizing } from './sizing.ts'

export type PlacementRequest = {
  readonly wish: Wish
  /** Devices that may be placed, in any order. */
  readonly devices: readonly PeerEntry[]
  readonly sizing: ModelSizing
  readonly announcer: PeerId
  readonly epoch: number
  /** The last placement of the model that had shards: its ranges stay where they can. */
  readonly known?: Placement | undefined
}

const lendersOf = (devices: readonly PeerEntry[]): readonly Lender[] =>
  devices.flatMap((device) => (device.capabilities ? [{ peerId: device.id, capabilities: device.capabilities }] : []))

const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`

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
    spares: request.devices.map((device) => emptySpare(device.id)),
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

type HeldRanges = ReadonlyMap<PeerId, HeldRange>

function heldRanges({ ranges, formats }: Extract<FormattedSplit, { fits: true }>): HeldRanges {
  return new Map(
    [...ranges].map(([peerId, range]) => {
      const weightFormat = formats.get(peerId)
      if (!weightFormat) throw new Error(`a share of ${peerId} without a format`)
      return [peerId, { ...range, weightFormat }]
    }),
  )
}

/**
 * The ranges of the known placement, repaired where it lost devices; null when a new split serves better, since devices have come
 * that it should have.
 */
function kept({ known, wish, sizing, devices }: PlacementRequest, fresh: HeldRanges): HeldRanges | null {
  if (!known || known.source !== wish.source || known.quality !== wish.quality) return null
  if (known.numLayers !== sizing.numLayers || known.contextLength !== sizing.contextLength) return null
  const usesLocal = devices.some((device) => device.role === 'local-device' && fresh.has(device.id))
  const members = lendersOf(devices.filter((device) => usesLocal || device.role === 'device'))
  const left = known.shards.filter((shard) => members.some(({ peerId }) => peerId === shard.peerId))
  if (left.length === known.shards.length) return isAsGood(members, left, fresh) ? new Map(left.map((shard) => [shard.peerId, shard])) : null
  const wasThere = (id: PeerId): boolean => [...known.shards, ...known.spares].some(({ peerId }) => peerId === id)
  const able = members.filter(({ peerId }) => wasThere(peerId) || fresh.has(peerId))
  const repaired = repairRanges({ known, devices: able, sizing, quality: wish.quality, maxDevices: wish.maxDevices })
  return repaired && repaired.size >= Math.min(wish.minDevices, fresh.size) ? repaired : null
}

/** Whether exchanging devices of the ring brings nothing: as many, and none of the new ones has more memory than one it would replace. */
function isAsGood(members: readonly Lender[], ring: readonly Shard[], fresh: HeldRanges): boolean {
  const memory = (id: PeerId): number => members.find(({ peerId }) => peerId === id)?.capabilities.memoryBytes ?? 0
  const replaced = ring.filter(({ peerId }) => !fresh.has(peerId)).map(({ peerId }) => memory(peerId))
  const added = [...fresh.keys()].filter((id) => !ring.some(({ peerId }) => peerId === id))
  return ring.length === fresh.size && added.every((id) => memory(id) <= Math.min(...replaced))
}

/** Devices beside the ring, with the ranges they hold ready. The server's own device steps back altogether unless it is to stay. */
function sparesOf({ wish, devices, sizing }: PlacementRequest, ranges: HeldRanges): readonly Spare[] {
  const beside = devices.filter((device) => !ranges.has(device.id))
  const members = beside.filter((device) => device.role === 'device' || wish.localDevice === 'stay')
  const others = beside.filter((device) => !members.includes(device))
  return [...spareRanges(ranges.values(), lendersOf(members), { sizing, quality: wish.quality }), ...others.map(({ id }) => emptySpare(id))]
}

const shardsOf = (ranges: HeldRanges, numLayers: number): readonly Shard[] =>
  [...ranges].map(([peerId, { startLayer, endLayer, weightFormat }]) => ({
    peerId,
    startLayer,
    endLayer,
    first: startLayer === 0,
    last: endLayer === numLayers,
    weightFormat,
  }))

/** What a device got, and why not in the format that was wished. */
function explainShard({ wish, sizing }: PlacementRequest, shard: Shard, device: PeerEntry | undefined): readonly string[] {
  if (!device?.capabilities) return []
  const { capabilities, name } = device
  const { weightFormat } = shard
  const needed = sizing.shardBytes(shard, holdingOf(capabilities, weightFormat))
  const layers = shard.endLayer - shard.startLayer
  const got = `${name} pledges ${mib(capabilities.memoryBytes)}, gets ${layers} of ${sizing.numLayers} layers in ${weightFormat}, needs ${mib(needed)}`
  const [wished = weightFormat] = formatsToTry(capabilities, wish.quality, sizing)
  if (wished === weightFormat) return [got]
  const wanted = sizing.shardBytes(shard, holdingOf(capabilities, wished))
  return [got, `${name} holds ${weightFormat} because ${wished} does not fit: its layers alone would need ${mib(wanted)}`]
}

function explain(request: PlacementRequest, shards: readonly Shard[], spares: readonly Spare[]): string[] {
  const byId = new Map(request.devices.map((device) => [device.id, device]))
  const lines = shards.flatMap((shard) => explainShard(request, shard, byId.get(shard.peerId)))
  if (request.wish.strategy === 'auto') lines.unshift('auto is memory-weighted: layers in proportion to pledged memory')
  if (shards.length > 1) lines.push('Splitting rarely makes one stream faster; it makes room and lets many streams run at once.')
  for (const id of new Set(spares.map((spare) => spare.peerId))) {
    const ready = spares.filter((spare) => spare.peerId === id && spare.endLayer > spare.startLayer)
    const ranges = ready.map((spare) => `${spare.startLayer}–${spare.endLayer - 1}`).join(', ')
    lines.push(`${byId.get(id)?.name ?? id} is a spare${ranges ? ` and holds layers ${ranges} ready` : ''}`)
  }
  return lines.map((line) => line.slice(0, 2000))
}

/** Browsers first; the server's own device serves alone while they cannot hold the model, or beside them when asked to stay. */
function splitOver(request: PlacementRequest): FormattedSplit | { readonly fits: 'too-few'; readonly present: number } {
  const { wish, devices, sizing } = request
  const browsers = devices.filter((device) => device.role === 'device')
  const members = wish.localDevice === 'stay' ? devices : browsers
  const split = splitInFormats(lendersOf(members), sizing, wish.quality, wish.maxDevices)
  const enough = browsers.length >= wish.minDevices || (wish.localDevice === 'stay' && members.length >= wish.minDevices)
  if (enough && split.fits) return split
  const local = devices.filter((device) => device.role === 'local-device')
  const alone = splitInFormats(lendersOf(local), sizing, wish.quality, 1)
  if (alone.fits) return { ...alone, spares: members.filter((device) => !alone.ranges.has(device.id)).map((device) => device.id) }
  const together = splitInFormats(lendersOf(devices), sizing, wish.quality, wish.maxDevices)
  if (enough && together.fits) return together
  return devices.length >= wish.minDevices ? together : { fits: 'too-few', present: browsers.length }
}

/** Strategies that `place` knows; the protocol names more. */
const STRATEGIES: readonly Strategy[] = ['memory-weighted', 'auto']

/** @throws {ClusterError} unsupported_field for a strategy that does not exist yet */
export function checkStrategy(strategy: Strategy): void {
  if (STRATEGIES.includes(strategy)) return
  throw new ClusterError('unsupported_field', `placement strategy ${strategy} is not available; use one of ${STRATEGIES.join(', ')}`, {
    detail: { param: 'strategy' },
  })
}

/**
 * The placement of a wish over the devices present. Pure: the same on every peer that sees the same roster.
 * Never throws for a model that does not fit; the placement then has no shards and says what is missing.
 * @throws {ClusterError} unsupported_field for a strategy that does not exist yet
 */
export function place(request: PlacementRequest): Placement {
  const { wish, sizing } = request
  checkStrategy(wish.strategy)
  const split = splitOver(request)
  if (split.fits === 'too-few') {
    return refused(request, { code: 'no_ring', message: `waiting for devices: ${split.present} of ${wish.minDevices} are here` })
  }
  if (!split.fits) return shortBy(request, split)
  const fresh = heldRanges(split)
  const ranges = kept(request, fresh) ?? fresh
  const shards = shardsOf(ranges, sizing.numLayers)
  const spares = sparesOf(request, ranges)
  return {
    ...refused(request, { code: 'no_ring', message: '' }),
    handoff: sizing.needsF32 || shards.every((shard) => shard.weightFormat === 'f32') ? 'f32' : 'f16',
    shards: [...shards],
    spares: [...spares],
    explanation: explain(request, shards, spares),
    problem: null,
  }
}
