/** What a cluster's view means to somebody who wants to ask: the model, how it is spread, and whether it answers. */
import { placementState, shardState, wishStateOf, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { Placement } from '../../../protocol/cluster.ts'
import type { ModelId, PeerId } from '../../../protocol/ids.ts'
import type { Connection } from '../../engine/page-engine.ts'
import type { RingSegment } from './ring-mark.ts'
import { phraseError } from './error-phrase.ts'
import { countOf, formatBytes, formatLayers, listOf, percentOf } from './quantities.ts'

export type RingTone = 'ready' | 'working' | 'problem'
export type RingSummary = {
  readonly tone: RingTone
  /** One line: `Ember · 8 layers over 3 devices · ready`. */
  readonly text: string
  /** A lent device would help. */
  readonly wantsDevices: boolean
}

/** Models that somebody wishes served or that are placed, in the order in which they came up. What is stopped or only downloaded cannot be asked. */
export const servedModels = (view: ClusterView): readonly ModelId[] =>
  [...new Set([...view.wishes.keys(), ...view.placements.keys()])].filter((model) => wishStateOf(view, model) === 'serve')

/** `org/some-model` as `Some-model`. */
export function modelName(model: ModelId): string {
  const name = model.split('/').at(-1) ?? model
  return name.charAt(0).toUpperCase() + name.slice(1)
}

/** Percent of the weights' bytes that the owners of a placement's shards have loaded. */
function loadedPercent(view: ClusterView, placement: Placement): number {
  const reports = placement.shards.flatMap(
    (shard) =>
      view.peers.get(shard.peerId)?.status.shards.filter((report) => report.model === placement.model && report.epoch === placement.epoch) ?? [],
  )
  const sum = (pick: (report: (typeof reports)[number]) => number) => reports.reduce((total, report) => total + pick(report), 0)
  return percentOf(
    sum((report) => report.loadedBytes),
    sum((report) => report.totalBytes),
  )
}

function downloadPhrase(view: ClusterView, placement: Placement, spread: string): string {
  const isStored = placement.shards.every((shard) => shardState(view, placement, shard) === 'idle')
  return `${spread} · ${isStored ? 'downloaded, not loaded' : `downloading ${loadedPercent(view, placement)} %`}`
}

/** Why a placement with shards cannot answer: who is gone, or whose shard failed. */
function breakPhrase(view: ClusterView, placement: Placement): string {
  for (const shard of placement.shards) {
    const state = shardState(view, placement, shard)
    const layers = formatLayers(shard.startLayer, shard.endLayer)
    if (state === 'missing') return `the device that held ${layers} left; the ring is forming again`
    if (state === 'failed') return `${view.peers.get(shard.peerId)?.name ?? 'a device'} could not load ${layers}`
  }
  return 'no device holds it'
}

/** State of one placement in a few words, without the model's name. */
export function placementPhrase(view: ClusterView, placement: Placement): RingSummary {
  if (placement.shards.length === 0) {
    const missing = placement.problem?.missingBytes
    const text =
      missing === undefined ? (placement.problem?.message ?? 'no devices hold it yet') : `does not fit: ${formatBytes(missing)} of memory are missing`
    return { tone: 'problem', text, wantsDevices: true }
  }
  const wished = wishStateOf(view, placement.model)
  if (wished === 'paused' || wished === 'forget') return { tone: 'problem', text: 'stopped; resume it on the Models page', wantsDevices: false }
  const spread = `${countOf(placement.numLayers, 'layer')} ${placement.shards.length === 1 ? 'on' : 'over'} ${countOf(placement.shards.length, 'device')}`
  switch (placementState(view, placement)) {
    case 'ready':
      return { tone: 'ready', text: `${spread} · ready`, wantsDevices: false }
    case 'loading': {
      if (wished === 'prefetch') return { tone: 'working', text: downloadPhrase(view, placement, spread), wantsDevices: false }
      const percent = loadedPercent(view, placement)
      return { tone: 'working', text: `${spread} · ${percent === 100 ? 'compiling' : `loading ${percent} %`}`, wantsDevices: false }
    }
    case 'broken':
      return { tone: 'problem', text: `${spread} · ${breakPhrase(view, placement)}`, wantsDevices: true }
  }
}

/** The line above the chat. `model` null means that none is known. */
export function summarizeRing(connection: Connection, view: ClusterView, model: ModelId | null): RingSummary {
  if (connection.state === 'connecting') return { tone: 'working', text: 'Connecting to the cluster…', wantsDevices: false }
  if (connection.state === 'refused') return { tone: 'problem', text: phraseError(connection.error).title, wantsDevices: false }
  if (connection.state === 'offline') return { tone: 'problem', text: `Not connected: ${connection.reason} Trying again…`, wantsDevices: false }
  if (model === null) return { tone: 'problem', text: 'No model is served here yet', wantsDevices: true }
  const placement = view.placements.get(model)
  if (!placement) return { tone: 'problem', text: `${modelName(model)} · no devices hold it yet`, wantsDevices: true }
  const state = placementPhrase(view, placement)
  return { ...state, text: `${modelName(model)} · ${state.text}` }
}

/** The path from `a` to `b` as either of them reports it. */
export function linkBetween(view: ClusterView, a: PeerId, b: PeerId) {
  const report = (from: PeerId, to: PeerId) => view.peers.get(from)?.status.links.find((link) => link.peerId === to)
  const there = report(a, b)
  const back = report(b, a)
  const link = there ?? back
  if (!link) return null
  // What came from `a` is measured where it arrived.
  const bytesPerSecond = back?.arrivalBytesPerSecond ?? null
  return { path: link.path, rttMs: there?.rttMs ?? back?.rttMs ?? null, route: (there?.pair ?? back?.pair)?.route ?? null, bytesPerSecond }
}

/** The devices of a model's ring as arcs of its mark. */
export function ringSegments(view: ClusterView, model: ModelId | null): readonly RingSegment[] {
  const placement = model === null ? undefined : view.placements.get(model)
  return placement?.shards.map((shard) => ({ weight: shard.endLayer - shard.startLayer, state: shardState(view, placement, shard) })) ?? []
}

/**
 * Who could read a chat with this model: every device that holds layers sees hidden states from which text can be rebuilt, and the server
 * passes question and answer on while it is there. Null when nobody holds layers.
 */
export function readersPhrase(view: ClusterView, model: ModelId | null, self: PeerId | null, isServerThere: boolean): string | null {
  const placement = model === null ? undefined : view.placements.get(model)
  if (!placement || placement.shards.length === 0) return null
  const ring = [...new Set(placement.shards.map((shard) => shard.peerId))]
  // The server's own device is the server.
  const isServer = (peer: PeerId): boolean => isServerThere && view.peers.get(peer)?.role === 'local-device'
  const others = ring.filter((peer) => peer !== self && !isServer(peer)).map((peer) => view.peers.get(peer)?.name ?? 'a device that left')
  const isRelay = (a: PeerId, b: PeerId | undefined): boolean => b !== undefined && linkBetween(view, a, b)?.path === 'relay'
  const relayed =
    ring.some((peer, index) => isRelay(peer, ring[(index + 1) % ring.length])) ||
    (self !== null && (isRelay(self, ring[0]) || isRelay(self, ring.at(-1))))
  const readers = isServerThere || relayed ? [...others, 'the server'] : others
  if (readers.length === 0) return 'Nobody else could read this chat: this device holds the whole model.'
  return `Could read this chat: ${listOf(readers)}.`
}
