/** One row a peer: the same facts as the picture, for tables, small screens and screen readers. */
import { shardState, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { Backend, LinkPath, PairReport, PeerEntry, PeerRole, ShardReport } from '../../../protocol/cluster.ts'
import type { PeerId } from '../../../protocol/ids.ts'
import { modelName, linkBetween } from '../parts/ring-summary.ts'
import { formatBytes, formatLayers, formatMilliseconds, percentOf } from '../parts/quantities.ts'
import { weightsOf } from '../parts/weights-sentence.ts'

export type DeviceRow = {
  readonly peerId: PeerId
  readonly name: string
  readonly isSelf: boolean
  /** Its place in a ring, which picks its colour in the picture; null outside of rings. */
  readonly order: number | null
  /** What it is, or what it computes with. */
  readonly kind: string
  readonly layers: string
  /** How its weights are held; empty where it holds none. */
  readonly weights: string
  readonly heldBytes: number
  /** Null for peers that lend nothing. */
  readonly pledgedBytes: number | null
  readonly speed: string
  readonly state: string
  /** The link to the next device of the ring: `3 ms direct to Studio Mac, 42 MB/s`. */
  readonly nextHop: string
  readonly hardware: string
}

const ROLE_NAMES: Record<PeerRole, string> = { device: 'Device', client: 'Chat page', gateway: 'API gateway', 'local-device': 'Server’s own device' }
export const BACKEND_NAMES: Record<Backend, string> = { webgpu: 'WebGPU', simd: 'SIMD', wasm: 'WASM' }
export const PATH_NAMES: Record<LinkPath | 'unknown', string> = { webrtc: 'direct', relay: 'relayed', local: 'local', unknown: 'no link yet' }
/** How a direct path is reached, where that is not the address of a device itself. */
const ROUTE_WORDS: Record<PairReport['route'], string> = { host: '', prflx: '', srflx: ' across the internet', relay: ' by a TURN server' }
export const PHASE_NAMES: Record<ShardReport['phase'], string> = {
  waiting: 'waiting',
  downloading: 'downloading',
  compiling: 'compiling',
  'warming-up': 'warming up',
  ready: 'ready',
  failed: 'failed',
  stored: 'downloaded',
  paused: 'stopped',
}

function stateOf(peer: PeerEntry): string {
  const busy = peer.status.shards.find((report) => report.state === 'loading' || report.state === 'failed')
  if (busy?.state === 'failed') return 'failed'
  if (busy) return busy.phase === 'downloading' ? `downloading ${percentOf(busy.loadedBytes, busy.totalBytes)} %` : PHASE_NAMES[busy.phase]
  if (peer.capabilities === null) return 'here'
  const state = { idle: 'spare', loading: 'loading', serving: 'serving', paused: 'paused' }[peer.status.state]
  return peer.status.visibility === 'hidden' ? `${state}, its tab is hidden` : state
}

function layersOf(view: ClusterView, peer: PeerId): string {
  const held = [...view.placements.values()].flatMap((placement) =>
    placement.shards
      .filter((shard) => shard.peerId === peer && shardState(view, placement, shard) !== 'missing')
      .map((shard) => `${modelName(placement.model)} ${formatLayers(shard.startLayer, shard.endLayer)}`),
  )
  return held.join(', ') || '–'
}

function nextHopOf(view: ClusterView, peer: PeerId): string {
  for (const placement of view.placements.values()) {
    const index = placement.shards.findIndex((shard) => shard.peerId === peer)
    const next = placement.shards[(index + 1) % placement.shards.length]
    if (index < 0 || !next || next.peerId === peer) continue
    const link = linkBetween(view, peer, next.peerId)
    const name = view.peers.get(next.peerId)?.name ?? 'a device that left'
    const time = link === null || link.rttMs === null ? '' : `${formatMilliseconds(link.rttMs)} `
    const speed = link?.bytesPerSecond ? `, ${formatBytes(link.bytesPerSecond)}/s` : ''
    return `${time}${PATH_NAMES[link?.path ?? 'unknown']}${(link?.route && ROUTE_WORDS[link.route]) ?? ''} to ${name}${speed}`
  }
  return '–'
}

/** Ring members first in shard order, then spare devices, then who asks. */
export function deviceRows(view: ClusterView, self: PeerId | null): readonly DeviceRow[] {
  const order = new Map([...view.placements.values()].flatMap((placement) => placement.shards.map((shard, index) => [shard.peerId, index] as const)))
  const rank = (peer: PeerEntry) => order.get(peer.id) ?? (peer.capabilities ? 10_000 : 20_000) + peer.joined
  return [...view.peers.values()]
    .sort((a, b) => rank(a) - rank(b))
    .map((peer) => ({
      peerId: peer.id,
      name: peer.name,
      isSelf: peer.id === self,
      order: order.get(peer.id) ?? null,
      kind: peer.capabilities && peer.role === 'device' ? BACKEND_NAMES[peer.capabilities.backend] : ROLE_NAMES[peer.role],
      layers: layersOf(view, peer.id),
      weights: weightsOf(peer.status.shards),
      heldBytes: peer.status.shards.reduce((total, report) => total + report.heldBytes, 0),
      pledgedBytes: peer.capabilities?.memoryBytes ?? null,
      speed: peer.status.layerMs === null ? '–' : `${formatMilliseconds(peer.status.layerMs)} a layer`,
      state: stateOf(peer),
      nextHop: nextHopOf(view, peer.id),
      hardware: peer.capabilities?.hardware ?? '',
    }))
}

/** Rows that a page shows beside those of rings: a crowd is sampled. */
export const SHOWN_ROWS = 100

/** The rows of rings, this page's own, and of the others those that fit: more than anybody reads costs every page its time. */
export function shownRows(view: ClusterView, self: PeerId | null): readonly DeviceRow[] {
  const rows = deviceRows(view, self)
  return rows.filter(({ order, isSelf }, index) => order !== null || isSelf || index < SHOWN_ROWS)
}
