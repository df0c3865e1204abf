/** A device on the ring: follows placements, loads its shards, and lets frames flow through their stages. */
import { ClusterError, toClusterError } from '../protocol/errors.ts'
import type { PeerStatus, Placement, Shard, Wish, WishState } from '../protocol/cluster.ts'
import type { PeerId } from '../protocol/ids.ts'
import { decodeFrame, encodeFrame, type RingFrame } from '../protocol/ring.ts'
import { placementState, wishStateOf, type ClusterView } from '../core/cluster/cluster-view.ts'
import type { Network } from '../core/cluster/network.ts'
import type { ModelSizing } from '../core/cluster/sizing.ts'
import { createAnnouncer } from './announcer.ts'
import { eventTurn } from './event-turn.ts'
import { createScheduler } from './scheduler.ts'
import { createShardStore, shardOf, type HoldMode, type ShardFetcher, type ShardLoader } from './shard-store.ts'
import { createStage, neighboursOf, type Stage } from './stage.ts'

/** Sequences of an older epoch get this long to finish once the newer one serves. */
const RETIRE_MS = 60_000
const MODES: Record<WishState, HoldMode> = { serve: 'serve', prefetch: 'prefetch', paused: 'paused', forget: 'paused' }

export type RingNodeOptions = {
  readonly network: Network
  readonly load: ShardLoader
  readonly fetch: ShardFetcher
  readonly sizing: (wish: Wish) => Promise<ModelSizing>
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

export type RingNode = {
  /** A paused device keeps what it serves but is not placed again. */
  readonly setPaused: (paused: boolean) => void
  readonly status: () => Omit<PeerStatus, 'links'>
  /** Called after each change of the status. */
  readonly onStatus: (listener: () => void) => void
  /** Ends every sequence with a typed error and frees everything. */
  readonly close: () => Promise<void>
}

export function createRingNode(options: RingNodeOptions): RingNode {
  const { network, now, timer, log } = options
  const scheduler = createScheduler({ now, turn: eventTurn })
  const stages = new Map<number, Stage>()
  const placements = new Map<number, Placement>()
  const modes = new Map<number, HoldMode>()
  const retireTimers = new Map<number, () => void>()
  let changing = Promise.resolve()
  let paused = false
  let framesHandled = 0
  let listener: () => void = () => undefined

  const store = createShardStore({
    load: options.load,
    fetch: options.fetch,
    log,
    onChange: changed,
    onReady: (placement, runner) => {
      if (!placements.has(placement.epoch)) return
      const { follower } = neighboursOf(placement, network.self)
      if (follower) network.dial(follower)
      stages.set(
        placement.epoch,
        createStage({ self: network.self, placement, runner, scheduler, send: network.send, now, onChange: onSequences, log }),
      )
    },
  })

  function status(): Omit<PeerStatus, 'links'> {
    const shards = [...store.reports()]
    const sequences = [...stages.values()].reduce((sum, stage) => sum + stage.openSequences(), 0)
    const layerMs = [...stages.values()].map((stage) => stage.layerMs()).findLast((ms) => ms !== null) ?? null
    const serving = shards.some((report) => report.state === 'ready')
    const state = paused ? 'paused' : shards.some((report) => report.state === 'loading') ? 'loading' : serving ? 'serving' : 'idle'
    return { state, shards, layerMs, sequences, framesHandled }
  }

  function changed(): void {
    network.publishStatus(status())
    listener()
  }

  function onSequences(): void {
    changed()
    retire(network.view())
  }

  function giveUp(epoch: number, reason: ClusterError): void {
    retireTimers.get(epoch)?.()
    retireTimers.delete(epoch)
    stages.get(epoch)?.close(reason)
    stages.delete(epoch)
    placements.delete(epoch)
    modes.delete(epoch)
    // The runner is disposed behind the cache releases that closing its stage has put in line.
    void scheduler.idle().then(() => store.drop(epoch))
  }

  /** Drops epochs that nothing needs any more. */
  function retire(view: ClusterView): void {
    for (const [epoch, placement] of placements) {
      const newest = view.placements.get(placement.model)
      const broken = placement.shards.some((shard) => !view.peers.has(shard.peerId))
      if (view.dropped.has(placement.model)) giveUp(epoch, new ClusterError('ring_broken', `the placement of ${placement.model} was taken back`))
      else if (!newest || newest.epoch <= epoch) continue
      else if (broken) giveUp(epoch, new ClusterError('ring_broken', 'a device left the ring'))
      else if (placementState(view, newest) === 'ready') retireWhenDone(epoch)
    }
  }

  function retireWhenDone(epoch: number): void {
    const done = new ClusterError('ring_reforming', 'the ring changed and the old one was given up')
    if ((stages.get(epoch)?.openSequences() ?? 0) === 0) giveUp(epoch, done)
    else if (!retireTimers.has(epoch))
      retireTimers.set(
        epoch,
        timer(RETIRE_MS, () => giveUp(epoch, done)),
      )
  }

  /** Does with the shard what is wished. What serves ends first; changes come one after the other. */
  function follow(placement: Placement, shard: Shard, mode: HoldMode): void {
    const { epoch } = placement
    const before = modes.get(epoch)
    if (before === mode) return
    placements.set(epoch, placement)
    modes.set(epoch, mode)
    if (before === undefined) return store.hold(placement, shard, mode)
    const stage = stages.get(epoch)
    stages.delete(epoch)
    stage?.close(new ClusterError('no_ring', `${placement.model} was stopped`))
    changing = Promise.all([changing, stage ? scheduler.idle() : null]).then(() => {
      if (placements.has(epoch)) store.hold(placement, shard, mode)
    })
  }

  function onView(view: ClusterView): void {
    for (const placement of new Set([...view.placements.values(), ...placements.values()])) {
      const shard = shardOf(placement, network.self)
      if (shard) follow(placement, shard, MODES[wishStateOf(view, placement.model)])
    }
    for (const stage of stages.values()) {
      const whole = stage.placement.shards.every((shard) => view.peers.has(shard.peerId))
      stage.retain((client) => whole && (client === null || view.peers.has(client)))
    }
    retire(view)
  }

  function onFrame(from: PeerId, bytes: Uint8Array): void {
    let frame: RingFrame
    try {
      frame = decodeFrame(bytes)
    } catch (error) {
      log('refused a frame', { from, cause: toClusterError(error).message })
      return
    }
    const stage = stages.get(frame.epoch)
    if (stage) {
      framesHandled += 1
      stage.handle(from, frame)
    } else if (frame.type === 'job' || frame.type === 'activation') {
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
  const announcer = createAnnouncer({ network, sizing: options.sizing, timer, now, log })
  onView(network.view())
  changed()

  return {
    setPaused: (value) => {
      paused = value
      changed()
    },
    status,
    onStatus: (callback) => {
      listener = callback
    },
    close: async () => {
      announcer.close()
      for (const close of closers) close()
      for (const epoch of [...placements.keys()]) giveUp(epoch, new ClusterError('ring_broken', 'a device of the ring left'))
      await scheduler.idle()
      await store.close()
    },
  }
}
