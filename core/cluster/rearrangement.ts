/**
 * When a ring that is whole is changed for a faster one: after the gain has lasted, never twice in a minute, and a device that was put
 * out for its slowness is not believed again for a while, longer each time. What is measured meanwhile is remembered here.
 */
import type { Placement } from '../../protocol/cluster.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import { placementState, type ClusterView } from './cluster-view.ts'
import type { Pace } from './plan/lap-model.ts'
import { fitPace, type StageSample } from './plan/fit-pace.ts'
import { observedRing, observedStages, STAGE_MS } from './plan/paces.ts'
import { observedHandling } from './plan/ways.ts'
import type { ModelSizing } from './sizing.ts'

/** Between two changes that nothing but speed asks for, and between two for a slow device. */
const BETWEEN_CHANGES_MS = 60_000
/** After any change, before one for a slow device or for one that has come. */
const AFTER_CHANGE_MS = 15_000
/** A gain that passes sooner is noise. */
const LASTING_MS = 4_000
/** The same where a page of the ring has said that it is hidden. */
const HIDDEN_LASTING_MS = 1_000
/** What a device took for a layer is believed this long after it was last in the ring. */
const REMEMBERED_MS = 5 * 60_000
/** Shards of a device that its pace is told from. */
const MOST_SAMPLES = 4
const MOST_REMEMBERED_MS = 60 * 60_000
/** How fast the number of streams that counts follows the one that is. */
const DEMAND_WEIGHT = 0.1

type Remembered = {
  readonly pace: Pace
  /** What it took for each number of layers that it had, the newest last. */
  readonly samples: readonly StageSample[]
  readonly until: number
  readonly timesOut: number
}
type Model = {
  readonly paces: Map<PeerId, Remembered>
  handlingMs: number | null
  streams: number
  wantedSince: number | null
  changedAt: number | null
  /** When it was last changed because of a slow device. */
  savedAt: number | null
}

export type Rearrangement = {
  /** Takes in what the ring of a model says of itself. */
  readonly observe: (view: ClusterView, placement: Placement, sizing: ModelSizing) => void
  /** What placing goes by. `streams` are powers of two, so that one more or less changes nothing. */
  readonly inputs: (model: ModelId) => {
    readonly observed: ReadonlyMap<PeerId, Pace>
    readonly handlingMs: number | null
    readonly streams: number
  }
  /** Milliseconds until the ring may be changed from `known` to `next`, which is faster; 0: now. */
  readonly waitMs: (view: ClusterView, known: Placement, next: Placement) => number
  /** The ring of the model stays as it is. */
  readonly settle: (model: ModelId) => void
  readonly changed: (known: Placement, next: Placement) => void
  readonly forget: (model: ModelId) => void
}

const members = ({ shards }: Placement): readonly PeerId[] => shards.map(({ peerId }) => peerId)

/** @param now monotonic milliseconds */
export function createRearrangement(now: () => number): Rearrangement {
  const models = new Map<ModelId, Model>()
  const of = (model: ModelId): Model => {
    const known = models.get(model) ?? { paces: new Map(), handlingMs: null, streams: 1, wantedSince: null, changedAt: null, savedAt: null }
    models.set(model, known)
    return known
  }
  const rememberedMs = (timesOut: number): number => Math.min(REMEMBERED_MS * 2 ** timesOut, MOST_REMEMBERED_MS)

  return {
    observe: (view, placement, sizing) => {
      const model = of(placement.model)
      const peers = [...view.peers.values()]
      const ring = observedRing(peers, placement)
      if (!ring) return
      model.handlingMs = observedHandling(peers, sizing, ring) ?? model.handlingMs
      const open = view.peers.get(members(placement)[0] ?? ring.placement.announcer)?.status.sequences ?? 0
      // An idle ring says nothing of how many will come.
      if (open > 0) model.streams += DEMAND_WEIGHT * (open - model.streams)
      for (const [id, { layers, ms, readBackMs }] of observedStages(ring, sizing)) {
        const { timesOut = 0, samples: known = [] } = model.paces.get(id) ?? {}
        const samples = [...known.filter((sample) => sample.layers !== layers), { layers, ms }].slice(-MOST_SAMPLES)
        const backend = view.peers.get(id)?.capabilities?.backend
        const fitted = fitPace(samples, backend ? STAGE_MS[backend] : 0)
        const pace = { ...fitted, stageMs: fitted.stageMs + readBackMs }
        model.paces.set(id, { pace, samples, timesOut, until: now() + rememberedMs(timesOut) })
      }
    },
    inputs: (id) => {
      const model = of(id)
      const believed = [...model.paces].filter(([, { until }]) => until > now())
      return {
        observed: new Map(believed.map(([peer, { pace }]) => [peer, pace])),
        handlingMs: model.handlingMs,
        streams: 2 ** Math.round(Math.log2(Math.max(1, model.streams))),
      }
    },
    waitMs: (view, known, next) => {
      const model = of(known.model)
      const wasThere = new Set([...members(known), ...known.spares.map(({ peerId }) => peerId)])
      const hasNewcomer = members(next).some((id) => !wasThere.has(id))
      model.wantedSince ??= now()
      // Browsers slow down what is hidden: there it is no passing weakness.
      const isHidden = members(known).some((id) => view.peers.get(id)?.status.visibility === 'hidden')
      const lasting = hasNewcomer ? 0 : model.wantedSince + (isHidden ? HIDDEN_LASTING_MS : LASTING_MS) - now()
      const after = (at: number | null, ms: number): number => (at === null ? 0 : at + ms - now())
      const isUrgent = next.cutOver === 'soon'
      const rested = Math.max(
        after(model.changedAt, hasNewcomer || isUrgent ? AFTER_CHANGE_MS : BETWEEN_CHANGES_MS),
        isUrgent ? after(model.savedAt, BETWEEN_CHANGES_MS) : 0,
      )
      // A ring that is still loading serves nobody: what it replaces serves on.
      const loading = placementState(view, known) === 'loading' && !hasNewcomer ? LASTING_MS : 0
      return Math.max(0, lasting, rested, loading)
    },
    settle: (model) => {
      of(model).wantedSince = null
    },
    changed: (known, next) => {
      const model = of(next.model)
      model.wantedSince = null
      model.changedAt = now()
      if (next.cutOver === 'soon') model.savedAt = now()
      for (const id of members(known)) {
        const remembered = model.paces.get(id)
        if (!remembered || members(next).includes(id)) continue
        const timesOut = remembered.timesOut + 1
        model.paces.set(id, { ...remembered, timesOut, until: now() + rememberedMs(remembered.timesOut) })
      }
    },
    forget: (model) => void models.delete(model),
  }
}
