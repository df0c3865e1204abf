/**
 * The longest-joined device turns wishes and roster into placements and announces them. Every device runs this; only the first
 * acts, and the next takes over when it leaves.
 */
import { ClusterError, toClusterError } from '../../protocol/errors.ts'
import type { PeerEntry, Placement, Wish } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { createBans } from '../../core/cluster/bans.ts'
import { devicesOf, isPresent, shardReport, shardState, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { Network } from '../../core/cluster/network.ts'
import { place, type PlacementRequest } from '../../core/cluster/placement.ts'
import { createRearrangement } from '../../core/cluster/rearrangement.ts'
import type { ModelSizing } from '../../core/cluster/sizing.ts'
import { distrusted } from '../../core/cluster/spot-check.ts'
import { takenMemory, type TakenMemory } from '../../core/cluster/taken-memory.ts'
import { createStalledSpares } from './stalled-spares.ts'

/** Devices that join together are placed together. */
const SETTLE_MS = 300
/** A ring that lost a device is repaired at once; devices that go together, as with a browser, go within this. */
const REPAIR_MS = 30
/** Measurements change all the time: so often it is looked whether they ask for another ring. */
const MEASURED_MS = 2_000
/** A device that failed to load its shard is left out this long. */
const LOAD_BAN_MS = 60_000

/** A spare that did not get on with loading. */
const STALLED_BAN_MS = 10 * 60_000
/** One that computes wrongly, counted from when it was last said. */
const WRONG_BAN_MS = 30 * 60_000

export type AnnouncerOptions = {
  readonly network: Network
  readonly sizing: (wish: Wish) => Promise<ModelSizing>
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

const sameShards = (a: Placement, b: Placement): boolean =>
  JSON.stringify([a.shards, a.spares, a.problem, a.source, a.contextLength, a.handoff, a.quality]) ===
  JSON.stringify([b.shards, b.spares, b.problem, b.source, b.contextLength, b.handoff, b.quality])

/** What decides a placement besides the model: when it is unchanged, nothing is computed anew. */
const inputsOf = (wish: Wish, devices: readonly PeerEntry[], taken: TakenMemory): string =>
  JSON.stringify([wish, devices.map((device) => [device.id, device.role, device.capabilities]), [...taken]])

export function createAnnouncer(options: AnnouncerOptions): { close: () => void } {
  const { network, now, timer, log } = options
  const bans = createBans(now)
  const lastPlaced = new Map<string, Placement>()
  /** What a model was last placed by and when, and the placement that stood then: another's may have come since. */
  const decided = new Map<string, { readonly inputs: string; readonly at: number; readonly epoch: number | null }>()
  /** Own placements that may not have come back from the server yet. */
  const announced = new Map<string, Placement>()
  const rearrangement = createRearrangement(now)
  const stalled = createStalledSpares({ now, timer, onDue: () => void (closed || reconsider()) })
  const lost = new Set<PeerId>()
  let due: { readonly at: number; readonly stop: () => void } | null = null
  let busy = false
  /** A decision was due while another one was being made. */
  let missed = false
  let closed = false

  const isAnnouncer = (view: ClusterView): boolean => devicesOf(view)[0]?.id === network.self

  const candidates = (view: ClusterView): readonly PeerEntry[] => devicesOf(view).filter((device) => device.status.state !== 'paused')
  const eligible = (view: ClusterView): readonly PeerEntry[] => candidates(view).filter((device) => !bans.has(device.id))

  /** Counts the devices that a ring lost since the last look, so that one that comes and goes is left out longer each time. */
  function countLosses(view: ClusterView): void {
    for (const placement of view.placements.values())
      for (const { peerId } of placement.shards) {
        const isLost = !isPresent(view, peerId)
        if (!isLost) lost.delete(peerId)
        else if (!lost.has(peerId)) {
          lost.add(peerId)
          // One that left by itself may come back at once; one that fell silent may do so again.
          const seconds = bans.strike(peerId, view.peers.has(peerId) ? 0 : 1) / 1000
          if (seconds > 0) timer(seconds * 1000 + 1, reconsider)
        }
      }
  }

  function banFailed(view: ClusterView): void {
    for (const placement of view.placements.values()) {
      for (const shard of placement.shards) {
        if (shardState(view, placement, shard) !== 'failed' || bans.has(shard.peerId)) continue
        // It has offered less by itself, and may have that.
        if (shardReport(view, placement, shard)?.error?.code === 'not_enough_memory') continue
        log('a device failed to load its shard and is left out', { peer: shard.peerId, seconds: LOAD_BAN_MS / 1000 })
        bans.until(shard.peerId, LOAD_BAN_MS)
        timer(LOAD_BAN_MS + 1, reconsider)
      }
    }
  }

  function banStalled(view: ClusterView): void {
    for (const peer of stalled.look(view)) {
      if (bans.has(peer)) continue
      log('a spare loads for ever and is left out', { peer, seconds: STALLED_BAN_MS / 1000 })
      bans.until(peer, STALLED_BAN_MS)
      timer(STALLED_BAN_MS + 1, reconsider)
    }
  }

  /** Devices that spot checks found to compute wrongly. */
  function banWrong(view: ClusterView): void {
    for (const { peer, reason } of distrusted(view.peers)) {
      if (!bans.has(peer)) log('a device computes wrongly and is left out', { peer, reason })
      bans.until(peer, WRONG_BAN_MS)
    }
  }

  async function decide(wish: Wish): Promise<void> {
    const sizing = await options.sizing(wish).catch((error: unknown) => toClusterError(error))
    const view = network.view()
    if (closed || !isAnnouncer(view) || view.wishes.get(wish.model) !== wish) return
    const devices = eligible(view)
    const newest = newestPlacements(view)
    const taken = takenMemory(view, newest.values(), wish.model)
    const epoch = 1 + Math.max(0, ...[...newest.values()].map((placement) => placement.epoch), ...heldEpochs(view))
    const known = newest.get(wish.model)
    const inputs = inputsOf(wish, devices, taken)
    decided.set(wish.model, { inputs, at: now(), epoch: known?.epoch ?? null })
    const placed =
      sizing instanceof ClusterError
        ? unreadable(wish, sizing, epoch)
        : placeMeasured(view, known, { wish, devices, sizing, announcer: network.self, epoch, taken })
    const placement = placed && { ...placed, explanation: [...distrusted(view.peers).map(({ reason }) => reason), ...placed.explanation] }
    // A placement whose announcer is gone is announced anew: after a restart of the signal server nobody else would.
    if (!placement || (known && sameShards(known, placement) && view.peers.has(known.announcer))) return
    log('placement', { model: wish.model, epoch, shards: placement.shards.length, problem: placement.problem?.message })
    announced.set(wish.model, placement)
    decided.set(wish.model, { inputs, at: now(), epoch })
    network.announce(placement)
  }

  function newestPlacements(view: ClusterView): ReadonlyMap<string, Placement> {
    forgetSettled(view)
    return new Map<string, Placement>([...view.placements, ...announced])
  }

  /** What came back, or is wished no more, counts as the view says: dropped and wished again, a model has no placement. */
  function forgetSettled(view: ClusterView): void {
    for (const [model, { model: id, epoch }] of announced)
      if (!view.wishes.has(id) || (view.placements.get(id)?.epoch ?? -1) >= epoch) announced.delete(model)
  }

  /** The placement, with what has been measured; of a ring that is whole a faster one only when its time has come. Null: nothing changes. */
  function placeMeasured(view: ClusterView, known: Placement | undefined, plain: PlacementRequest): Placement | null {
    if (plain.wish.strategy === 'memory-weighted') return placeWithBans(view, plain)
    if (known) rearrangement.observe(view, known, plain.sizing)
    const request = { ...plain, ...rearrangement.inputs(plain.wish.model) }
    const calm = placeWithBans(view, { ...request, mayRearrange: false, isBrief: true })
    if (!known || !sameShards(known, calm)) return placeWithBans(view, { ...request, mayRearrange: false })
    const faster = placeWithBans(view, { ...request, isBrief: true })
    if (sameShards(known, faster)) {
      rearrangement.settle(plain.wish.model)
      return calm
    }
    const waitMs = rearrangement.waitMs(view, known, faster)
    if (waitMs > 0) {
      timer(Math.min(waitMs, MEASURED_MS), reconsider)
      return null
    }
    rearrangement.changed(known, faster)
    return placeWithBans(view, request)
  }

  /** A device that is left out for its instability is better than no ring. */
  function placeWithBans(view: ClusterView, request: PlacementRequest): Placement {
    const known = newestPlacements(view).get(request.wish.model)
    if (known && known.shards.length > 0) lastPlaced.set(known.model, known)
    const placement = placeOrSay({ ...request, known: lastPlaced.get(request.wish.model) })
    if (placement.shards.length > 0) return placement
    const all = placeOrSay({ ...request, devices: candidates(view), known: lastPlaced.get(request.wish.model) })
    return all.shards.length > 0 ? all : placement
  }

  /** The model cannot be read: a placement that says so, so that requests get the reason. */
  function unreadable(wish: Wish, error: ClusterError, epoch: number): Placement {
    const { model, source, strategy, quality } = wish
    const problem = { code: error.code, message: error.message.slice(0, 2000) }
    return {
      model,
      source,
      epoch,
      strategy,
      quality,
      announcer: network.self,
      numLayers: 0,
      contextLength: 1,
      handoff: 'f32',
      shards: [],
      spares: [],
      explanation: [problem.message],
      problem,
    }
  }

  /** Sizes are computed while placing: what a broken checkpoint throws there is told like any other problem. */
  function placeOrSay(request: PlacementRequest): Placement {
    try {
      return place(request)
    } catch (error) {
      log('placing failed', { model: request.wish.model, cause: String(error) })
      return unreadable(request.wish, toClusterError(error), request.epoch)
    }
  }

  function isUnchanged(view: ClusterView, wish: Wish): boolean {
    const before = decided.get(wish.model)
    const newest = newestPlacements(view)
    const taken = takenMemory(view, newest.values(), wish.model)
    if (
      !before ||
      !view.placements.has(wish.model) ||
      newest.get(wish.model)?.epoch !== before.epoch ||
      before.inputs !== inputsOf(wish, eligible(view), taken)
    )
      return false
    return wish.strategy === 'memory-weighted' || now() - before.at < MEASURED_MS
  }

  async function decideAll(): Promise<void> {
    if (closed) return
    if (busy) {
      missed = true
      return
    }
    busy = true
    try {
      const view = network.view()
      if (!isAnnouncer(view)) return
      banFailed(view)
      banWrong(view)
      banStalled(view)
      countLosses(view)
      for (const wish of view.wishes.values()) {
        // What is not to be loaded keeps the placement it had.
        if (wish.state === 'paused' || wish.state === 'forget') continue
        if (!isUnchanged(view, wish)) await decide(wish)
      }
    } catch (error) {
      log('placement failed', { cause: String(error) })
    } finally {
      busy = false
      // Reading a model takes as long as it takes: what changed meanwhile may have been the last change for long.
      if (missed) reconsider()
      missed = false
    }
  }

  function reconsider(): void {
    const view = network.view()
    const isBroken = [...view.placements.values()].some(({ shards }) => shards.some((shard) => !isPresent(view, shard.peerId)))
    const delayMs = isBroken ? REPAIR_MS : SETTLE_MS
    const at = now() + delayMs
    if (due && due.at <= at) return
    due?.stop()
    const stop = timer(delayMs, () => {
      due = null
      void decideAll()
    })
    due = { at, stop }
  }

  const closeView = network.onView(() => {
    // With every change: a wish may go and come between two looks.
    forgetSettled(network.view())
    reconsider()
  })
  reconsider()
  return {
    close: () => {
      closed = true
      due?.stop()
      closeView()
    },
  }
}

/** Epochs that devices still hold: after a restart of the signal server its placements are gone, the devices' are not. */
const heldEpochs = (view: ClusterView): readonly number[] =>
  [...view.peers.values()].flatMap((peer) => peer.status.shards.map((report) => report.epoch))
