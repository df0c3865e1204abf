/** A device on the ring: follows placements, loads its shards, and lets frames flow through their stages. */
import { ClusterError, toClusterError } from '../../protocol/errors.ts'
import type { PeerStatus, Placement, WishState } from '../../protocol/cluster.ts'
import { sequenceId, type PeerId, type SequenceId } from '../../protocol/ids.ts'
import { decodeFrames, encodeFrame, type RingFrame } from '../../protocol/ring.ts'
import { wishStateOf, type ClusterView } from '../../core/cluster/cluster-view.ts'
import { createPromptLookup } from '../../core/speculation/drafter.ts'
import { createAnnouncer } from './announcer.ts'
import { eventTurn } from '../stage/event-turn.ts'
import { createScheduler } from '../stage/scheduler.ts'
import type { ShardRunner } from '../shard-runner.ts'
import { createShardStore, rangesOf, shardOf, type HoldMode } from './shard-store.ts'
import { createLogStore } from '../stage/output-log.ts'
import { dependedPeers } from './depended-peers.ts'
import type { RingNode, RingNodeOptions } from './ring-node-options.ts'
import { createMemoryRoom } from './memory-room.ts'
import { createNodeChecks } from './node-checks.ts'
import { createPeerWatch } from './peer-watch.ts'
import { createPrefixCache } from '../stage/prefix-cache.ts'
import { createPulse } from './pulse.ts'
import { createRetirement } from './retirement.ts'
import type { Sequence } from '../stage/sequence.ts'
import { createStage, type Stage } from '../stage/stage.ts'

/** Rings whose laps a status tells of, the newest. */
const MOST_LAP_REPORTS = 16
/** How often overdue answers are looked for. */
const WATCH_MS = 250
/** What a ring at work measures is told this often, however long its answers are: placements go by it. */
const FIGURES_MS = 1_000
/** What shards sent on is kept up to this many bytes in all. */
const LOG_BYTES = 64 * 2 ** 20
const MOST_WAITING = 512
const MODES: Record<WishState, HoldMode> = { serve: 'serve', prefetch: 'prefetch', paused: 'paused', forget: 'paused' }

export type { RingNode, RingNodeOptions } from './ring-node-options.ts'

export function createRingNode(options: RingNodeOptions): RingNode {
  const { network, now, timer, log, constraints = null } = options
  const scheduler = createScheduler({ now, timer, turn: options.turn ?? eventTurn, ...(options.share ? { share: options.share } : {}) })
  const newDrafter = options.newDrafter ?? createPromptLookup
  const logs = createLogStore(options.logBytes ?? LOG_BYTES)
  let caches = 0n
  const newCache = (): SequenceId => sequenceId((++caches).toString(16).padStart(16, '0'))
  const stages = new Map<number, Stage>()
  const placements = new Map<number, Placement>()
  const modes = new Map<number, HoldMode>()
  let changing = Promise.resolve()
  let paused = false
  let visibility: PeerStatus['visibility'] = null
  let framesHandled = 0
  let toldAt = 0
  let listener: () => void = () => undefined
  let stopLooking = (): void => undefined
  const pulse = createPulse({ network, scheduler, now })
  const watch = createPeerWatch({ network, timer, onChange: changed })

  const retirement = createRetirement({
    self: network.self,
    placements,
    stages,
    view: network.view,
    timer,
    giveUp,
    onWrong: ({ runner }) => prefixes.distrust(runner),
  })

  const room = createMemoryRoom({
    self: network.self,
    memoryBytes: options.memoryBytes,
    view: network.view,
    runnerOf: (epoch) => stages.get(epoch)?.runner,
    onOut: (bytes) => options.onMemoryOut?.(bytes),
    now,
  })
  const prefixes = createPrefixCache({
    budget: room.cacheBudget,
    used: room.cachesBytes,
    later: (cache, work) => scheduler.enqueue(cache, async () => work()),
    onEvict: ({ id, runner }) => [...stages.values()].findLast((stage) => stage.runner === runner)?.dropKept(id),
  })

  const random = options.random ?? Math.random
  const checks = createNodeChecks({ network, placements, scheduler, newCache, random, onChange: changed, log })

  const store = createShardStore({
    load: options.load,
    fetch: options.fetch,
    log,
    onChange: changed,
    onDispose: (runner) => {
      prefixes.forget(runner)
      room.remove(runner)
      checks.forget(runner)
    },
    onReady: (placement, range, runner) => {
      room.add(runner)
      const shard = shardOf(placement, network.self)
      // What a spare holds ready has no part in the ring yet.
      if (placements.has(placement.epoch) && !shard) checks.ready(placement, range.startLayer, runner)
      if (!placements.has(placement.epoch) || shard?.startLayer !== range.startLayer) return
      const inherit = (id: SequenceId): Sequence | null => inherited(placement, runner, id)
      const stage = {
        self: network.self,
        placement,
        runner,
        scheduler,
        logs,
        prefixes,
        newDrafter,
        newCache,
        send: network.send,
        inherit,
        room: () => room.on(placement),
        mostWaiting: options.mostWaiting ?? MOST_WAITING,
        now,
        onChange: onSequences,
        log,
        constraints,
        checks,
        onMemoryOut: room.ranOut,
      }
      stages.set(placement.epoch, createStage(stage))
      depend()
    },
  })

  function status(): Omit<PeerStatus, 'links'> {
    const shards = [...store.reports()].map((report) => {
      const runner = report.state === 'ready' ? stages.get(report.epoch)?.runner : undefined
      return runner ? { ...report, room: room.of(runner) } : report
    })
    const sequences = [...stages.values()].reduce((sum, stage) => sum + stage.openSequences(), 0)
    const layerMs = [...stages.values()].map((stage) => stage.layerMs()).findLast((ms) => ms !== null) ?? null
    const laps = [...stages.values()].flatMap((stage) => stage.laps() ?? []).slice(-MOST_LAP_REPORTS)
    const serving = shards.some((report) => report.state === 'ready')
    const state = paused ? 'paused' : shards.some((report) => report.state === 'loading') ? 'loading' : serving ? 'serving' : 'idle'
    const suspects = [...watch.suspects()]
    const told: Omit<PeerStatus, 'links'> = { state, shards, layerMs, visibility, laps, sequences, framesHandled, suspects }
    const checked = checks.reports()
    return checked.length === 0 ? told : { ...told, checks: [...checked] }
  }

  function changed(): void {
    toldAt = now()
    network.publishStatus(status())
    listener()
  }

  function onSequences(): void {
    changed()
    retirement.look(network.view())
  }

  /** @param reason for the clients of what still runs; null where they go on with a newer placement */
  function giveUp(epoch: number, reason: ClusterError | null): void {
    retirement.forget(epoch)
    if (reason) stages.get(epoch)?.close(reason)
    else stages.get(epoch)?.abandon()
    stages.delete(epoch)
    placements.delete(epoch)
    modes.delete(epoch)
    checks.giveUp(epoch)
    // The runner is disposed behind the cache releases that closing its stage has put in line.
    void scheduler.idle().then(() => store.drop(epoch))
  }

  /** A sequence of an older placement in which this device has the same shard. */
  function inherited(placement: Placement, runner: ShardRunner, id: SequenceId): Sequence | null {
    for (const [epoch, stage] of stages) {
      if (epoch >= placement.epoch || stage.runner !== runner || stage.placement.handoff !== placement.handoff) continue
      const sequence = stage.surrender(id)
      if (sequence) return sequence
    }
    return null
  }

  /** The devices whose silence would stop an answer. */
  const depend = (): void => watch.depend(dependedPeers(network.view(), network.self, [...stages.values()]))

  /** Does with what the device holds of `placement` what is wished. What serves ends first; changes come one after the other. */
  function follow(placement: Placement, mode: HoldMode): void {
    const { epoch } = placement
    const before = modes.get(epoch)
    if (before === mode) return
    placements.set(epoch, placement)
    modes.set(epoch, mode)
    const hold = (): void => {
      for (const range of rangesOf(placement, network.self)) store.hold(placement, range, mode)
    }
    if (before === undefined) return hold()
    const stage = stages.get(epoch)
    stages.delete(epoch)
    stage?.close(new ClusterError('no_ring', `${placement.model} was stopped`))
    changing = Promise.all([changing, stage ? scheduler.idle() : null]).then(() => {
      if (placements.has(epoch)) hold()
    })
  }

  /** A paused device stops what it has not loaded yet: it will not be placed. */
  function modeOf(view: ClusterView, { epoch, model }: Placement): HoldMode {
    const own = store.reports().filter((report) => report.epoch === epoch)
    const isLoaded = own.length > 0 && own.every(({ state }) => state === 'ready')
    return paused && !isLoaded ? 'paused' : MODES[wishStateOf(view, model)]
  }

  function onView(view: ClusterView): void {
    for (const placement of new Set([...view.placements.values(), ...placements.values()])) {
      if (rangesOf(placement, network.self).length > 0) follow(placement, modeOf(view, placement))
    }
    const isHere = (client: PeerId): boolean => view.peers.has(client) || network.isLinked(client)
    for (const stage of stages.values()) stage.retain(isHere)
    prefixes.retain(isHere)
    retirement.look(view)
    depend()
  }

  /** Looks for answers that are overdue, as long as any runs. */
  function look(): void {
    pulse()
    for (const stage of stages.values()) {
      const { follower, leader } = stage.place
      if (!stage.watch()) continue
      for (const peer of new Set([follower, leader])) if (peer) network.probe(peer)
    }
    if (now() - toldAt >= FIGURES_MS && [...stages.values()].some((stage) => stage.openSequences() > 0)) changed()
    stopLooking = timer(WATCH_MS, look)
  }

  function onFrame(from: PeerId, bytes: Uint8Array): void {
    let frames: readonly RingFrame[]
    try {
      frames = decodeFrames(bytes)
    } catch (error) {
      log('refused a frame', { from, cause: toClusterError(error).message })
      for (const stage of stages.values()) stage.missed(from)
      return
    }
    for (const frame of frames) handle(from, frame)
  }

  function handle(from: PeerId, frame: RingFrame): void {
    if (checks.handle(from, frame)) return
    const stage = stages.get(frame.epoch)
    if (stage) {
      framesHandled += 1
      stage.handle(from, frame)
    } else if (frame.type === 'job' || frame.type === 'activation' || frame.type === 'ask') {
      // Tokens, progress and failures of an unknown epoch are for this peer's own client; a release asks for nothing.
      const failure = {
        type: 'failure',
        sequence: frame.sequence,
        epoch: frame.epoch,
        code: 'ring_reforming',
        message: 'this device does not serve that placement any more',
      } as const
      network.send(from, encodeFrame(failure)).catch(() => undefined)
    }
  }

  const closers = [network.onView(onView), network.onFrame(onFrame)]
  look()
  const announcer = createAnnouncer({ network, sizing: options.sizing, timer, now, log })
  onView(network.view())
  changed()

  return {
    setPaused: (value) => {
      paused = value
      onView(network.view())
      changed()
    },
    setVisibility: (value) => {
      visibility = value
      changed()
    },
    status,
    onStatus: (callback) => {
      listener = callback
    },
    close: async () => {
      announcer.close()
      watch.close()
      network.pulse(null)
      stopLooking()
      for (const close of closers) close()
      for (const epoch of [...placements.keys()]) giveUp(epoch, new ClusterError('ring_broken', 'a device of the ring left'))
      await scheduler.idle()
      await store.close()
    },
  }
}
