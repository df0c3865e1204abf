/** A device on the ring: follows placements, loads its shards, and lets frames flow through their stages. */
import { ClusterError, toClusterError } from '../protocol/errors.ts'
import type { PeerStatus, Placement, Wish, WishState } from '../protocol/cluster.ts'
import { sequenceId, type PeerId, type SequenceId } from '../protocol/ids.ts'
import { decodeFrames, encodeFrame, type RingFrame } from '../protocol/ring.ts'
import { isPresent, placementState, wishStateOf, type ClusterView } from '../core/cluster/cluster-view.ts'
import type { Network } from '../core/cluster/network.ts'
import { distrusted } from '../core/cluster/spot-check.ts'
import type { ConstraintSource } from '../core/constrain/constraint-source.ts'
import { createPromptLookup, type Drafter } from '../core/speculation/drafter.ts'
import type { ModelSizing } from '../core/cluster/sizing.ts'
import { createAnnouncer } from './announcer.ts'
import { eventTurn } from './event-turn.ts'
import { createScheduler } from './scheduler.ts'
import type { ShardRunner } from './shard-runner.ts'
import { createShardStore, rangesOf, shardOf, type HoldMode, type ShardFetcher, type ShardLoader } from './shard-store.ts'
import { createLogStore } from './output-log.ts'
import { createPeerWatch } from './peer-watch.ts'
import { createPrefixCache } from './prefix-cache.ts'
import type { Sequence } from './sequence.ts'
import { createSpotChecks } from './spot-check.ts'
import { createSpotWitness } from './spot-witness.ts'
import { createStage, type Stage } from './stage.ts'

/** Sequences of an older epoch get this long to finish once the newer one serves. */
const RETIRE_MS = 60_000
/** Their clients then have this long to go on with the newer one. */
const CUT_OVER_MS = 15_000
/** How long the sequences of a ring that lost a device wait for one that can take them over. */
const HOLD_MS = 100_000
/** A spare keeps paths to the whole ring up to this size. */
const SPARE_WATCHES = 8
/** Rings whose laps a status tells of, the newest. */
const MOST_LAP_REPORTS = 16
/** How often overdue answers are looked for. */
const WATCH_MS = 250
/** What a ring at work measures is told this often, however long its answers are: placements go by it. */
const FIGURES_MS = 1_000
/** What shards sent on is kept up to this many bytes in all. */
const LOG_BYTES = 64 * 2 ** 20
const MOST_WAITING = 512
/** Memory that ran out once more in this time is told of once. */
const MEMORY_OUT_MS = 10_000
/** Stands for as many sequences as come. */
const MOST_ROOM = 100_000
const WRONG = new ClusterError('ring_broken', 'a device of the ring computed wrongly and is left out; what it had a part in is computed anew')
const MODES: Record<WishState, HoldMode> = { serve: 'serve', prefetch: 'prefetch', paused: 'paused', forget: 'paused' }

export type RingNodeOptions = {
  readonly network: Network
  readonly load: ShardLoader
  readonly fetch: ShardFetcher
  readonly sizing: (wish: Wish) => Promise<ModelSizing>
  /** Absent where answers under a grammar are refused. */
  readonly constraints?: ConstraintSource
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** Lets waiting events have their turn; default: a task of its own. */
  readonly turn?: () => Promise<void>
  /** What the device lends, weights and KV caches together. */
  readonly memoryBytes: () => number
  /** A KV cache could not grow, though all that was kept has been given up. */
  readonly onMemoryOut?: (heldBytes: number) => void
  /** Guesses ahead of each answer; default: from the prompt and the answer itself. */
  readonly newDrafter?: () => Drafter
  /** What its shards sent on is kept up to this many bytes in all. */
  readonly logBytes?: number
  /** Questions that wait at a head for room beside those that run. Default: 512, as with Ollama. */
  readonly mostWaiting?: number
  /** Uniform in [0, 1), for what others must not foresee. Default: Math.random. */
  readonly random?: () => number
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

export type RingNode = {
  /** A paused device keeps what it serves but is not placed again. */
  readonly setPaused: (paused: boolean) => void
  /** Whether the page around it is in sight. */
  readonly setVisibility: (visibility: PeerStatus['visibility']) => void
  readonly status: () => Omit<PeerStatus, 'links'>
  /** Called after each change of the status. */
  readonly onStatus: (listener: () => void) => void
  /** Ends every sequence with a typed error and frees everything. */
  readonly close: () => Promise<void>
}

export function createRingNode(options: RingNodeOptions): RingNode {
  const { network, now, timer, log, constraints = null } = options
  const scheduler = createScheduler({ now, timer, turn: options.turn ?? eventTurn })
  const newDrafter = options.newDrafter ?? createPromptLookup
  const logs = createLogStore(options.logBytes ?? LOG_BYTES)
  let caches = 0n
  const newCache = (): SequenceId => sequenceId((++caches).toString(16).padStart(16, '0'))
  const stages = new Map<number, Stage>()
  const placements = new Map<number, Placement>()
  const modes = new Map<number, HoldMode>()
  const retireTimers = new Map<number, () => void>()
  let changing = Promise.resolve()
  let paused = false
  let visibility: PeerStatus['visibility'] = null
  let framesHandled = 0
  let [pulsedAt, wasIdle] = [Number.NEGATIVE_INFINITY, true]
  let toldAt = 0
  let listener: () => void = () => undefined
  let stopLooking = (): void => undefined
  const watch = createPeerWatch({ network, timer, onChange: changed })

  /** What is loaded, ready to serve or serving. */
  const runners = new Set<ShardRunner>()
  const sumOf = (bytesOf: (runner: ShardRunner) => number): number => [...runners].reduce((sum, runner) => sum + bytesOf(runner), 0)
  const prefixes = createPrefixCache({
    budget: () => options.memoryBytes() - sumOf(({ heldBytes }) => heldBytes),
    used: () => sumOf((runner) => runner.cachesBytes()),
    later: (cache, work) => scheduler.enqueue(cache, async () => work()),
    onEvict: ({ id, runner }) => [...stages.values()].findLast((stage) => stage.runner === runner)?.dropKept(id),
  })

  const post = (to: PeerId, frame: RingFrame): void => {
    network.send(to, encodeFrame(frame)).catch((cause: unknown) => log('a frame could not be sent', { to, type: frame.type, cause: String(cause) }))
  }
  const checks = createSpotChecks({ self: network.self, view: network.view, random: options.random ?? Math.random, post, onChange: changed, log })
  /** What is held ready of the ranges of others, by epoch and first layer. */
  const spareRunners = new Map<string, ShardRunner>()
  const spareKeysOf = (epoch: number): string => `${epoch} `
  const spareKey = (epoch: number, startLayer: number): string => `${spareKeysOf(epoch)}${startLayer}`
  const witness = createSpotWitness({
    placementOf: (epoch) => placements.get(epoch) ?? null,
    runnerOf: ({ epoch }, { startLayer, endLayer }) => {
      const runner = spareRunners.get(spareKey(epoch, startLayer))
      return runner?.endLayer === endLayer ? runner : null
    },
    scheduler,
    newCache,
    post,
    log,
  })

  /** Answers that run out of memory together count as one. */
  let ranOutAt = Number.NEGATIVE_INFINITY
  function onMemoryOut(): void {
    if (now() - ranOutAt < MEMORY_OUT_MS) return
    ranOutAt = now()
    options.onMemoryOut?.(sumOf((runner) => runner.heldBytes + runner.cachesBytes()))
  }

  const store = createShardStore({
    load: options.load,
    fetch: options.fetch,
    log,
    onChange: changed,
    onDispose: (runner) => {
      prefixes.forget(runner)
      runners.delete(runner)
      for (const [key, ready] of spareRunners) if (ready === runner) spareRunners.delete(key)
    },
    onReady: (placement, range, runner) => {
      runners.add(runner)
      const shard = shardOf(placement, network.self)
      // What a spare holds ready has no part in the ring yet.
      if (placements.has(placement.epoch) && !shard) spareRunners.set(spareKey(placement.epoch, range.startLayer), runner)
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
        room: () => roomOn(placement),
        mostWaiting: options.mostWaiting ?? MOST_WAITING,
        now,
        onChange: onSequences,
        log,
        constraints,
        checks,
        onMemoryOut,
      }
      stages.set(placement.epoch, createStage(stage))
      depend()
    },
  })

  /** Sequences whose KV caches fit beside all that is loaded; what is kept of ended ones makes room. */
  function roomOf(runner: ShardRunner): number {
    const bytes = runner.newCacheBytes(Number.MAX_SAFE_INTEGER)
    const budget = options.memoryBytes() - sumOf(({ heldBytes }) => heldBytes)
    return bytes === 0 ? MOST_ROOM : Math.min(MOST_ROOM, Math.max(1, Math.floor(budget / bytes)))
  }

  /** What every shard of a ring has room for, as far as its devices have said. */
  function roomOn({ epoch, shards }: Placement): number {
    const { peers } = network.view()
    const rooms = shards.map(({ peerId }) => {
      const own = peerId === network.self ? stages.get(epoch) : undefined
      if (own) return roomOf(own.runner)
      return peers.get(peerId)?.status.shards.find((report) => report.epoch === epoch)?.room ?? MOST_ROOM
    })
    return Math.min(...rooms)
  }

  function status(): Omit<PeerStatus, 'links'> {
    const shards = [...store.reports()].map((report) => {
      const runner = report.state === 'ready' ? stages.get(report.epoch)?.runner : undefined
      return runner ? { ...report, room: roomOf(runner) } : report
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
    retire(network.view())
  }

  /** @param reason for the clients of what still runs; null where they go on with a newer placement */
  function giveUp(epoch: number, reason: ClusterError | null): void {
    retireTimers.get(epoch)?.()
    retireTimers.delete(epoch)
    if (reason) stages.get(epoch)?.close(reason)
    else stages.get(epoch)?.abandon()
    stages.delete(epoch)
    placements.delete(epoch)
    modes.delete(epoch)
    for (const key of [...spareRunners.keys()]) if (key.startsWith(spareKeysOf(epoch))) spareRunners.delete(key)
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
  function depend(): void {
    const view = network.view()
    const peers = [...stages.values()].flatMap(({ place, placement }) => {
      const isNewest = view.placements.get(placement.model)?.epoch === placement.epoch
      return isNewest || stages.get(placement.epoch)?.openSequences() ? [place.follower, place.leader] : []
    })
    watch.depend(new Set([...peers.filter((peer) => peer !== null), ...wouldBeNeighbours(view)]))
  }

  /**
   * As a spare: the ring whose shards it holds ready. It sees when one of them falls silent, which in a ring of one nobody else does,
   * and its paths are there when it takes over.
   */
  function wouldBeNeighbours(view: ClusterView): readonly PeerId[] {
    const rings = [...view.placements.values()].filter(
      (placement) => !shardOf(placement, network.self) && rangesOf(placement, network.self).length > 0 && placement.shards.length <= SPARE_WATCHES,
    )
    return rings.flatMap((placement) => placement.shards.map((shard) => shard.peerId))
  }

  /** Drops epochs that nothing needs any more. */
  function retire(view: ClusterView): void {
    for (const [epoch, placement] of [...placements]) {
      const newest = view.placements.get(placement.model)
      if (view.dropped.has(placement.model)) giveUp(epoch, new ClusterError('ring_broken', `the placement of ${placement.model} was taken back`))
      else if (!newest || newest.epoch <= epoch) continue
      else if (placement.shards.every((shard) => isPresent(view, shard.peerId))) retireWhenDone(epoch, newest)
      else retireBroken(epoch, newest)
    }
  }

  /** An older ring that lost a device. Its sequences wait to be taken over; a shard that nobody can take over makes room at once. */
  function retireBroken(epoch: number, newest: Placement): void {
    const [before, after] = [placements.get(epoch), shardOf(newest, network.self)]
    const same = before && shardOf(before, network.self)
    const isKept = newest.shards.length === 0 || (after && same?.startLayer === after.startLayer && same.endLayer === after.endLayer)
    if (!isKept || (stages.get(epoch)?.openSequences() ?? 0) === 0) giveUp(epoch, null)
    else giveUpAfter(epoch, HOLD_MS)
  }

  /** Whether no device of the ring was found to compute wrongly. What it gave others is in their KV caches: answers begin anew. */
  function isTrusted(epoch: number): boolean {
    const out = new Set(distrusted(network.view().peers).map(({ peer }) => peer))
    return !placements.get(epoch)?.shards.some(({ peerId }) => out.has(peerId))
  }

  function retireWhenDone(epoch: number, newest: Placement): void {
    if (placementState(network.view(), newest) !== 'ready') return
    if ((stages.get(epoch)?.openSequences() ?? 0) === 0) giveUp(epoch, null)
    else if (!retireTimers.has(epoch)) {
      const cutOver = (): void => {
        retireTimers.delete(epoch)
        stages.get(epoch)?.retire(isTrusted(epoch) ? new ClusterError('ring_reforming', 'the ring changed and the old one was given up') : WRONG)
        giveUpAfter(epoch, CUT_OVER_MS)
      }
      retireTimers.set(epoch, timer(newest.cutOver === 'soon' || !isTrusted(epoch) ? 0 : RETIRE_MS, cutOver))
    }
  }

  function giveUpAfter(epoch: number, delayMs: number): void {
    if (!retireTimers.has(epoch))
      retireTimers.set(
        epoch,
        timer(delayMs, () => giveUp(epoch, null)),
      )
  }

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

  function onView(view: ClusterView): void {
    for (const placement of new Set([...view.placements.values(), ...placements.values()])) {
      if (rangesOf(placement, network.self).length > 0) follow(placement, MODES[wishStateOf(view, placement.model)])
    }
    const isHere = (client: PeerId): boolean => view.peers.has(client) || network.isLinked(client)
    for (const stage of stages.values()) stage.retain(isHere)
    prefixes.retain(isHere)
    retire(view)
    depend()
  }

  /** To the host, which answers others while a pass runs: often while there is work, else so that it knows of no frame that still waits. */
  function pulse(): void {
    const next = { waiting: scheduler.waiting(), stepMs: scheduler.stepMs() }
    const isIdle = next.stepMs === null && next.waiting === 0
    if (isIdle && wasIdle && now() - pulsedAt < FIGURES_MS) return
    wasIdle = isIdle
    pulsedAt = now()
    network.pulse(next)
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
    if (frame.type === 'evidence') return witness.onEvidence(from, frame)
    if (frame.type === 'verdict') return checks.onVerdict(from, frame)
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
