import { ClusterError } from '../../protocol/errors.ts'
import type { PeerEntry, Placement, Shard, Strategy, Wish } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { formatsToTry, holdingOf, splitInFormats, type FormattedSplit, type Lender } from './format-choice.ts'
import type { ModelSizing } from './sizing.ts'

export type PlacementRequest = {
  readonly wish: Wish
  /** Devices that may be placed, in any order. */
  readonly devices: readonly PeerEntry[]
  readonly sizing: ModelSizing
  readonly announcer: PeerId
  readonly epoch: number
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
    spares: request.devices.map((device) => device.id),
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

function shardsOf({ ranges, formats }: Extract<FormattedSplit, { fits: true }>, numLayers: number): readonly Shard[] {
  return [...ranges].map(([peerId, range]) => {
    const weightFormat = formats.get(peerId)
    if (!weightFormat) throw new Error(`a share of ${peerId} without a format`)
    return { peerId, ...range, first: range.startLayer === 0, last: range.endLayer === numLayers, weightFormat }
  })
}

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

function explain(request: PlacementRequest, shards: readonly Shard[], spares: readonly PeerId[]): string[] {
  const byId = new Map(request.devices.map((device) => [device.id, device]))
  const lines = shards.flatMap((shard) => explainShard(request, shard, byId.get(shard.peerId)))
  if (request.wish.strategy === 'auto') lines.unshift('auto is memory-weighted: layers in proportion to pledged memory')
  if (shards.length > 1) lines.push('Splitting rarely makes one stream faster; it makes room and lets many streams run at once.')
  if (spares.length > 0) lines.push(`${spares.length} spare: ${spares.map((id) => byId.get(id)?.name ?? id).join(', ')}`)
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
  const shards = shardsOf(split, sizing.numLayers)
  return {
    ...refused(request, { code: 'no_ring', message: '' }),
    handoff: sizing.needsF32 || shards.every((shard) => shard.weightFormat === 'f32') ? 'f32' : 'f16',
    shards: [...shards],
    spares: [...split.spares],
    explanation: explain(request, shards, split.spares),
    problem: null,
  }
}
