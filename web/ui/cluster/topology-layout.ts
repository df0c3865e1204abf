/** Where everything goes in the picture of a cluster. Pure geometry: no element, no colour values. */
import { shardState, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { LinkPath, PeerEntry, Placement, ShardReport } from '../../../protocol/cluster.ts'
import type { PeerId } from '../../../protocol/ids.ts'
import { PHASE_NAMES } from './device-rows.ts'
import { percentOf } from '../parts/quantities.ts'
import { linkBetween } from '../parts/ring-summary.ts'

/** Width of the drawing in its own units; it scales to the page. */
export const TOPOLOGY_WIDTH = 320
const CENTER = { x: TOPOLOGY_WIDTH / 2, y: 152 }
const RING_RADIUS = 100
const RING_HEIGHT = 314
const OUTSIDER_ROW_HEIGHT = 28
/** Above this many devices names and times no longer fit and are left to the table. */
const MAX_LABELLED = 4
/** From the edge of a small node to the middle of its label. */
const LABEL_DISTANCE = 15
/** Peers below the ring; the others are in the table. */
const MAX_OUTSIDERS = 24

export type TopologyNode = {
  readonly peerId: PeerId
  readonly name: string
  readonly x: number
  readonly y: number
  readonly radius: number
  /** Where the layers stand: inside, or outside of the ring where nodes are too small. */
  readonly labelX: number
  readonly labelY: number
  readonly startLayer: number
  readonly endLayer: number
  readonly state: 'loading' | 'ready' | 'failed' | 'idle' | 'missing'
  /** What is going on, in a word or two. */
  readonly caption: string
  /** The arc around the node, 0 to 1: loaded bytes while loading, else held weights as a part of the pledged memory. */
  readonly gauge: number
  readonly isSelf: boolean
  /** Position in the ring: picks the colour that stands for the device everywhere. */
  readonly order: number
}
export type TopologyHop = {
  readonly from: PeerId
  readonly to: PeerId
  readonly path: LinkPath | 'unknown'
  readonly rttMs: number | null
  /** Answers travel on it now. */
  readonly isFlowing: boolean
  /** SVG path along the ring, from the edge of one node to the edge of the next. */
  readonly arc: string
  readonly labelX: number
  readonly labelY: number
}
export type TopologyOutsider = {
  readonly peerId: PeerId
  readonly name: string
  readonly kind: 'spare' | 'client' | 'gateway'
  readonly x: number
  readonly y: number
  readonly isSelf: boolean
}
export type Topology = {
  readonly height: number
  readonly centerX: number
  readonly centerY: number
  readonly ringRadius: number
  readonly nodes: readonly TopologyNode[]
  readonly hops: readonly TopologyHop[]
  readonly outsiders: readonly TopologyOutsider[]
  readonly isLabelled: boolean
}

const pointAt = (angle: number, radius = RING_RADIUS) => ({
  x: Math.round((CENTER.x + radius * Math.cos(angle)) * 10) / 10,
  y: Math.round((CENTER.y + radius * Math.sin(angle)) * 10) / 10,
})

/** Angle of the shard at `index` of `count`: clockwise from the top. */
const angleOf = (index: number, count: number) => -Math.PI / 2 + (2 * Math.PI * index) / count

/** Nodes shrink so that neighbours on the ring never touch. */
const nodeRadius = (count: number) => Math.min(33, count === 1 ? 33 : 0.56 * RING_RADIUS * Math.sin(Math.PI / count))

function captionOf(state: TopologyNode['state'], report: ShardReport | undefined): string {
  if (state !== 'loading' && state !== 'idle') return { ready: 'layers', failed: 'failed', missing: 'left' }[state]
  if (report?.phase === 'downloading') return `${percentOf(report.loadedBytes, report.totalBytes)} %`
  return report === undefined ? 'waiting' : PHASE_NAMES[report.phase]
}

function nodesOf(view: ClusterView, placement: Placement, self: PeerId | null): readonly TopologyNode[] {
  const count = placement.shards.length
  return placement.shards.map((shard, order) => {
    const peer = view.peers.get(shard.peerId)
    const report = peer?.status.shards.find((candidate) => candidate.model === placement.model && candidate.epoch === placement.epoch)
    const held = peer?.status.shards.reduce((total, candidate) => total + candidate.heldBytes, 0) ?? 0
    const pledged = peer?.capabilities?.memoryBytes ?? 0
    const label = pointAt(angleOf(order, count), count > MAX_LABELLED ? RING_RADIUS + nodeRadius(count) + LABEL_DISTANCE : RING_RADIUS)
    return {
      peerId: shard.peerId,
      name: peer?.name ?? 'left',
      ...pointAt(angleOf(order, count)),
      radius: nodeRadius(count),
      labelX: label.x,
      labelY: label.y,
      startLayer: shard.startLayer,
      endLayer: shard.endLayer,
      state: shardState(view, placement, shard),
      caption: captionOf(shardState(view, placement, shard), report),
      gauge: report?.state === 'loading' ? percentOf(report.loadedBytes, report.totalBytes) / 100 : pledged > 0 ? Math.min(1, held / pledged) : 0,
      isSelf: shard.peerId === self,
      order,
    }
  })
}

function hopsOf(view: ClusterView, nodes: readonly TopologyNode[]): readonly TopologyHop[] {
  if (nodes.length < 2) return []
  return nodes.flatMap((node, index) => {
    const next = nodes[(index + 1) % nodes.length]
    if (!next) return []
    // The chord from a node's centre to its edge, as an angle on the ring; the arrow's head needs a little more room.
    const gap = 2 * Math.asin((node.radius + 4) / (2 * RING_RADIUS))
    const start = angleOf(index, nodes.length)
    const end = start + (2 * Math.PI) / nodes.length
    const from = pointAt(start + gap)
    const to = pointAt(end - gap - 0.05)
    const middle = pointAt((start + end) / 2)
    const link = linkBetween(view, node.peerId, next.peerId)
    return {
      from: node.peerId,
      to: next.peerId,
      path: link?.path ?? ('unknown' as const),
      rttMs: link?.rttMs ?? null,
      isFlowing: (view.peers.get(node.peerId)?.status.sequences ?? 0) > 0,
      arc: `M ${from.x} ${from.y} A ${RING_RADIUS} ${RING_RADIUS} 0 0 1 ${to.x} ${to.y}`,
      labelX: middle.x,
      labelY: middle.y,
    }
  })
}

const kindOf = (peer: PeerEntry): TopologyOutsider['kind'] =>
  peer.role === 'device' || peer.role === 'local-device' ? 'spare' : peer.role === 'gateway' ? 'gateway' : 'client'
const KIND_ORDER: readonly TopologyOutsider['kind'][] = ['spare', 'gateway', 'client']

/** Peers that hold no layers of this placement, in two columns below the ring: spare devices first, then who asks. */
function outsidersOf(view: ClusterView, placement: Placement | null, self: PeerId | null): readonly TopologyOutsider[] {
  const inRing = new Set(placement?.shards.map((shard) => shard.peerId))
  return [...view.peers.values()]
    .filter((peer) => !inRing.has(peer.id))
    .map((peer) => ({ peerId: peer.id, name: peer.name, kind: kindOf(peer), isSelf: peer.id === self, joined: peer.joined }))
    .sort((a, b) => KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind) || a.joined - b.joined)
    .slice(0, MAX_OUTSIDERS)
    .map(({ joined: _, ...peer }, index) => ({
      ...peer,
      x: index % 2 === 0 ? 14 : TOPOLOGY_WIDTH / 2 + 8,
      y: RING_HEIGHT + OUTSIDER_ROW_HEIGHT * (Math.floor(index / 2) + 0.5),
    }))
}

/** The picture of one placement and of everybody around it. Without a placement only the peers around remain. */
export function layoutTopology(view: ClusterView, placement: Placement | null, self: PeerId | null): Topology {
  const nodes = placement ? nodesOf(view, placement, self) : []
  const outsiders = outsidersOf(view, placement, self)
  return {
    height: RING_HEIGHT + OUTSIDER_ROW_HEIGHT * Math.ceil(outsiders.length / 2),
    centerX: CENTER.x,
    centerY: CENTER.y,
    ringRadius: RING_RADIUS,
    nodes,
    hops: hopsOf(view, nodes),
    outsiders,
    isLabelled: nodes.length <= MAX_LABELLED,
  }
}

/** A name cut to `max` characters with an ellipsis; characters outside the basic plane count once. */
export function shortName(name: string, max: number): string {
  const characters = [...name]
  return characters.length <= max ? name : `${characters.slice(0, max - 1).join('')}…`
}
