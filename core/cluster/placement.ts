import { ClusterError } from '../../protocol/errors.ts'
import type { PeerEntry, Placement, Shard, Strategy, Wish } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { splitMemoryWeighted, type Candidate, type Split } from './memory-weighted.ts'
import type { ModelSizing } from './sizing.ts'

export type PlacementRequest = {
  readonly wish: Wish
  /** Devices that may be placed, in any order. */
  readonly devices: readonly PeerEntry[]
  readonly sizing: ModelSizing
  readonly announcer: PeerId
  readonly epoch: number
}

const candidatesOf = (devices: readonly PeerEntry[]): readonly Candidate[] =>
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

function shortBy(request: PlacementRequest, split: Extract<Split, { fits: false }>): Placement {
  const names = new Map(request.devices.map((device) => [device.id, device.name]))
  const rows = split.perDevice.map((device) => `${names.get(device.peerId) ?? device.peerId} has room for ${device.layers}`)
  const message = `${request.wish.model} is short by ${mib(split.missingBytes)}: of its ${request.sizing.numLayers} layers ${rows.join(', ')}`
  return refused(request, { code: 'not_enough_memory', message: message.slice(0, 2000), missingBytes: split.missingBytes })
}

function shardsOf(split: Extract<Split, { fits: true }>, numLayers: number): readonly Shard[] {
  return [...split.ranges].map(([peerId, range]) => ({ peerId, ...range, first: range.startLayer === 0, last: range.endLayer === numLayers }))
}

function explain(request: PlacementRequest, shards: readonly Shard[], spares: readonly PeerId[]): string[] {
  const byId = new Map(request.devices.map((device) => [device.id, device]))
  const lines = shards.map((shard) => {
    const device = byId.get(shard.peerId)
    const needed = device?.capabilities ? request.sizing.shardBytes(shard, device.capabilities) : 0
    const layers = shard.endLayer - shard.startLayer
    return `${device?.name ?? shard.peerId} pledges ${mib(device?.capabilities?.memoryBytes ?? 0)}, gets ${layers} of ${request.sizing.numLayers} layers, needs ${mib(needed)}`
  })
  if (request.wish.strategy === 'auto') lines.unshift('auto is memory-weighted: layers in proportion to pledged memory')
  if (shards.length > 1) lines.push('Splitting rarely makes one stream faster; it makes room and lets many streams run at once.')
  if (spares.length > 0) lines.push(`${spares.length} spare: ${spares.map((id) => byId.get(id)?.name ?? id).join(', ')}`)
  return lines
}

/** Browsers first; the server's own device serves alone while they cannot hold the model, or beside them when asked to stay. */
function splitOver(request: PlacementRequest): Split | { readonly fits: 'too-few'; readonly present: number } {
  const { wish, devices, sizing } = request
  const browsers = devices.filter((device) => device.role === 'device')
  const members = wish.localDevice === 'stay' ? devices : browsers
  const split = splitMemoryWeighted(candidatesOf(members), sizing, wish.maxDevices)
  const enough = browsers.length >= wish.minDevices || (wish.localDevice === 'stay' && members.length >= wish.minDevices)
  if (enough && split.fits) return split
  const local = devices.filter((device) => device.role === 'local-device')
  const alone = splitMemoryWeighted(candidatesOf(local), sizing, 1)
  if (alone.fits) return { ...alone, spares: members.filter((device) => !alone.ranges.has(device.id)).map((device) => device.id) }
  const together = splitMemoryWeighted(candidatesOf(devices), sizing, wish.maxDevices)
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
  const formats = new Map(request.devices.map((device) => [device.id, device.capabilities?.weightFormat]))
  return {
    ...refused(request, { code: 'no_ring', message: '' }),
    handoff: sizing.needsF32 || shards.every((shard) => formats.get(shard.peerId) === 'f32') ? 'f32' : 'f16',
    shards: [...shards],
    spares: [...split.spares],
    explanation: explain(request, shards, split.spares),
    problem: null,
  }
}
