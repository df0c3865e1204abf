/** What a scrape reads off the view of the cluster: peers, rings, laps, links. */
import { Counter, type Registry } from 'prom-client'
import { placementState, shardReport, wishStateOf, type ClusterView } from '../core/cluster/cluster-view.ts'
import { lapFigures, lapReportOf } from '../core/cluster/lap-figures.ts'
import type { Placement } from '../protocol/cluster.ts'
import type { ModelId } from '../protocol/ids.ts'
import { registerLinkGauges } from './link-gauges.ts'
import { seconds, viewGauge, type Sample } from './view-gauge.ts'

export type OnView = (listener: (view: ClusterView) => void) => unknown

const ofPlacements =
  (samples: (placement: Placement, view: ClusterView) => readonly Sample[]) =>
  (view: ClusterView): readonly Sample[] =>
    [...view.placements.values()].flatMap((placement) => samples(placement, view))

function peerGauges(registry: Registry, view: () => ClusterView): void {
  viewGauge(registry, view, { name: 'ringlet_peers', help: 'Peers on the roster', labelNames: ['role'] }, ({ peers }) =>
    [...peers.values()].map(({ role }) => ({ labels: { role }, value: 1 })),
  )
  const sequences = { name: 'ringlet_device_sequences', help: 'Sequences whose KV cache a device holds', labelNames: ['device'] }
  viewGauge(registry, view, sequences, ({ peers }) =>
    [...peers.values()].filter(({ capabilities }) => capabilities).map(({ id, status }) => ({ labels: { device: id }, value: status.sequences })),
  )
}

/** The least room of its shards: what a ring can hold at once; nothing before all of them have said. */
function roomOf(placement: Placement, view: ClusterView): readonly Sample[] {
  const rooms = placement.shards.map((shard) => shardReport(view, placement, shard)?.room)
  const known = rooms.filter((room) => room !== undefined)
  return known.length === 0 || known.length < rooms.length ? [] : [{ labels: { model: placement.model }, value: Math.min(...known) }]
}

function ringGauges(registry: Registry, view: () => ClusterView): void {
  const ready = { name: 'ringlet_placement_ready', help: '1 while every shard of the model is ready', labelNames: ['model'] }
  viewGauge(
    registry,
    view,
    ready,
    ofPlacements((placement, now) => [{ labels: { model: placement.model }, value: placementState(now, placement) === 'ready' ? 1 : 0 }]),
  )
  const state = { name: 'ringlet_ring_state', help: '1 for the state that the ring of a model is in', labelNames: ['model', 'state'] }
  viewGauge(
    registry,
    view,
    state,
    ofPlacements((placement, now) => {
      const { model } = placement
      const current = wishStateOf(now, model) === 'paused' ? 'paused' : placementState(now, placement)
      return ['loading', 'ready', 'broken', 'paused'].map((one) => ({ labels: { model, state: one }, value: one === current ? 1 : 0 }))
    }),
  )
  const shards = { name: 'ringlet_ring_shards', help: 'Devices in the ring of a model', labelNames: ['model'] }
  viewGauge(
    registry,
    view,
    shards,
    ofPlacements(({ model, shards: { length } }) => [{ labels: { model }, value: length }]),
  )
  const epoch = { name: 'ringlet_ring_epoch', help: 'Number of the placement, which grows with every ring of the model', labelNames: ['model'] }
  viewGauge(
    registry,
    view,
    epoch,
    ofPlacements(({ model, epoch: value }) => [{ labels: { model }, value }]),
  )
  const room = { name: 'ringlet_ring_room', help: 'Sequences that the ring has memory for at once', labelNames: ['model'] }
  viewGauge(registry, view, room, ofPlacements(roomOf))
}

/** Every ring of a model after the first that this gateway saw. */
function countReforms(registry: Registry, view: () => ClusterView, onView: OnView): void {
  const reforms = new Counter({
    name: 'ringlet_ring_reforms_total',
    help: 'Rings of a model that replaced an earlier one',
    labelNames: ['model'],
    registers: [registry],
  })
  const seen = new Map<ModelId, number>()
  const compare = ({ placements }: ClusterView): void => {
    for (const { model, epoch } of placements.values()) {
      const last = seen.get(model)
      if (last !== undefined && epoch <= last) continue
      seen.set(model, epoch)
      reforms.inc({ model }, last === undefined ? 0 : 1)
    }
  }
  compare(view())
  onView(compare)
}

/** Laps of each ring, as predicted and as its head measures them, and what each device does in one. */
function lapGauges(registry: Registry, view: () => ClusterView): void {
  const lap = {
    name: 'ringlet_lap_seconds',
    help: 'One lap: predicted for a lone stream, observed, and of the observed one the part spent waiting behind other streams',
    labelNames: ['model', 'kind'],
  }
  viewGauge(
    registry,
    view,
    lap,
    ofPlacements((placement, now) => {
      const { predictedMs, observedMs, observedP95Ms, queueMs } = lapFigures(now, placement)
      return Object.entries({ predicted: predictedMs, observed: observedMs, observed_p95: observedP95Ms, queue: queueMs }).flatMap(([kind, ms]) =>
        seconds({ model: placement.model, kind }, ms),
      )
    }),
  )
  const stage = {
    name: 'ringlet_stage_seconds',
    help: 'What a device takes in one lap: in line, in its layers, to read back, to send',
    labelNames: ['model', 'device', 'part'],
  }
  viewGauge(
    registry,
    view,
    stage,
    ofPlacements((placement, now) =>
      (lapReportOf(now, placement)?.stages ?? []).flatMap(({ queueMs, computeMs, readBackMs, sendMs }, at) =>
        Object.entries({ queue: queueMs, compute: computeMs, read_back: readBackMs, send: sendMs }).flatMap(([part, ms]) =>
          seconds({ model: placement.model, device: placement.shards[at]?.peerId ?? '', part }, ms),
        ),
      ),
    ),
  )
}

/** Adds all of them to `registry`. @param onView is told of every change of the view; without it re-forms are not counted */
export function registerClusterGauges(registry: Registry, view: () => ClusterView, onView: OnView | undefined): void {
  peerGauges(registry, view)
  registerLinkGauges(registry, view)
  ringGauges(registry, view)
  if (onView) countReforms(registry, view, onView)
  lapGauges(registry, view)
}
