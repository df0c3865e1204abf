/**
 * A whole cluster in virtual time: the real hosts, links, ring nodes, announcers and clients, with simulated wires between them and
 * a toy model whose every token depends on all before.
 */
import { createRingClient, type CompletionRequest, type RingClient } from '../../core/client/ring-client.ts'
import type { ClusterView } from '../../core/cluster/cluster-view.ts'
import type { MemoryNetworkOptions } from '../../core/link/memory-link.ts'
import type { ConstraintSource } from '../../core/constrain/constraint-source.ts'
import type { Capabilities, PeerRole, Wish } from '../../protocol/cluster.ts'
import { modelId, peerId, type PeerId } from '../../protocol/ids.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { decodeFrame, GREEDY, type RingFrame } from '../../protocol/ring.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'
import type { Drafter } from '../../core/speculation/drafter.ts'
import { createPeerHost, type PeerHost } from '../../runtime/ports/peer-host.ts'
import type { EngineToHost, HostToEngine } from '../../runtime/ports/peer-port.ts'
import { openPortNetwork, type PortNetwork } from '../../runtime/ports/port-network.ts'
import { createPortPair } from '../../runtime/ports/port-pair.ts'
import { createOffer } from '../../runtime/ring/offer.ts'
import { createRingNode, type RingNode } from '../../runtime/ring/ring-node.ts'
import type { ShardLoader } from '../../runtime/ring/shard-store.ts'
import { seededRandom } from './seeded-random.ts'
import { createSimPaths, type SimPaths } from './sim-paths.ts'
import { createSimSignaling, type SimSignaling, type SimSocket } from './sim-signaling.ts'
import { toyShards, toySizing, type ToyShards } from './toy-model.ts'
import { createDeviceClock, createVirtualTime, type DeviceClock, type VirtualTime } from './virtual-time.ts'

export const SIM_MODEL = modelId('toy')
export const SIM_CONTEXT = 600
/** Milliseconds to read and prepare a shard, and for each of its layers. */
const LOAD_MS = { shard: 300, layer: 100 }

export type SimPeer = {
  readonly id: PeerId
  readonly clock: DeviceClock
  readonly socket: SimSocket
  readonly host: PeerHost
  readonly network: PortNetwork
}
export type SimDevice = SimPeer & {
  readonly node: RingNode
  readonly shards: ToyShards
  /** Its layers take so many times as long. */
  slowness: number
  /** It hands on what it computes wrongly. */
  lies: boolean
  /** What it begins to load is never done. */
  loadsForEver: boolean
  /** A pass that begins now never ends, and its page answers on. */
  isStuck: boolean
  /** KV caches that it has memory for. */
  mostCaches: number
  readonly memoryBytes: number
  isDead: boolean
}
export type SimClient = SimPeer & { readonly client: RingClient }

export type SimOptions = {
  /** Frames that are gone without a word, as those under way when a path ends. Default: none. */
  readonly isLost?: (to: PeerId, frame: RingFrame) => boolean
  /** For answers under a grammar. */
  readonly constraints?: ConstraintSource
  readonly seed: number
  /** Of direct paths; `clock` and `random` are the simulator's. */
  readonly paths?: Omit<MemoryNetworkOptions, 'clock' | 'random'>
  /** One way to the signal server. Default 5. */
  readonly signalingMs?: number
  /** Length from which on sequences must be run anew. Default: never. */
  readonly restartAt?: number
  /** Sequences that one pass of a device may have. Default: any number. */
  readonly maxSegments?: number
  /** What a KV cache takes when it is opened. Default: nothing. */
  readonly newCacheBytes?: number
  /** Until an announcer has read what a model is like. Default: no time. */
  readonly sizingMs?: number
  /** Questions that may wait at a head. */
  readonly mostWaiting?: number
  /** One layer over one token. Default 2. */
  readonly layerMs?: number
  /** A pass over so many tokens takes so many times what one over one token takes. Default: five are free. */
  readonly costOf?: (tokens: number) => number
  /** What each pass of a device takes beside its layers. Default: nothing. */
  readonly stageMs?: number
  /** Devices of one machine: passes that run beside each other get so much done together as so many of devices by themselves. */
  readonly sharesMemory?: number
  /** Of KV caches of a device: a byte for each token and layer; and of what it sent on. Default: more than any run takes. */
  readonly cacheBytes?: number
  readonly logBytes?: number
  /** Guesses ahead of each answer. Default: by looking up what was said. */
  readonly newDrafter?: () => Drafter
}

export type SimCluster = {
  readonly time: VirtualTime
  readonly random: () => number
  readonly signaling: SimSignaling
  readonly paths: SimPaths
  readonly devices: SimDevice[]
  /** @param usableBytes what it can truly hold of what it pledges; default: all of it */
  readonly addDevice: (name: string, memoryBytes: number, usableBytes?: number) => Promise<SimDevice>
  readonly addClient: (name: string, role?: PeerRole) => Promise<SimClient>
  /** The process of a device ends. `silent`: its direct paths are not closed either, as with a pulled plug. */
  readonly kill: (device: SimDevice, how: 'closed' | 'silent') => void
  readonly freeze: (device: SimDevice, forMs: number) => void
  readonly log: string[]
}

export const simWish = (maxDevices: number, minDevices = 1): Wish => ({
  model: SIM_MODEL,
  source: '/models/toy',
  strategy: 'memory-weighted',
  quality: 'balanced',
  minDevices,
  maxDevices,
  contextLength: null,
  localDevice: 'withdraw',
  state: 'serve',
})

export const simRequest = (
  promptIds: readonly number[],
  maxTokens: number,
  signal = new AbortController().signal,
  cacheScope: string | null = null,
): CompletionRequest => ({
  model: SIM_MODEL,
  promptIds,
  sampling: GREEDY,
  stopIds: [],
  maxTokens,
  cacheScope,
  signal,
})

export function createSimCluster(options: SimOptions): SimCluster {
  const { seed, layerMs = 2, costOf = (tokens) => Math.max(1, 0.2 * tokens), stageMs = 0, signalingMs = 5 } = options
  const random = seededRandom(seed)
  const time = createVirtualTime()
  const signaling = createSimSignaling(time, random, signalingMs)
  const paths = createSimPaths({ ...options.paths, clock: time, random })
  const devices: SimDevice[] = []
  const log: string[] = []
  let running = 0
  let nextId = 1n

  const note =
    (peer: string) =>
    (message: string, fields: Record<string, unknown>): void =>
      void log.push(`${time.now().toFixed(0)} ${peer}: ${message} ${JSON.stringify(fields)}`)

  async function join(name: string, role: PeerRole, capabilities: Capabilities | null): Promise<SimPeer> {
    const id = peerId(name)
    const clock = createDeviceClock(time)
    const socket = signaling.socket(clock)
    const [hostPort, enginePort] = createPortPair<EngineToHost, HostToEngine>()
    const opening = openPortNetwork(enginePort)
    const host = createPeerHost({
      socket,
      hello: { version: PROTOCOL_VERSION, id, secret: `secret-of-${name}`.padEnd(32, '.'), name, role, capabilities },
      port: hostPort,
      clock,
      random,
      startDirect: role === 'gateway' ? null : paths.startDirect({ peer: id, clock }),
      onConnection: () => undefined,
    })
    let network: PortNetwork | null = null
    void opening.then((opened) => (network = opened))
    await time.run(() => network !== null, 60_000)
    const opened = await opening
    const send: PortNetwork['send'] = async (to, frame) => {
      if (!options.isLost?.(to, decodeFrame(frame))) await opened.send(to, frame)
    }
    return { id, clock, socket, host, network: { ...opened, send } }
  }

  async function addDevice(name: string, memoryBytes: number, usableBytes = memoryBytes): Promise<SimDevice> {
    const capabilities: Capabilities = { backend: 'wasm', weightFormats: ['f32'], floatType: 'f32', memoryBytes, threads: 1, hardware: 'simulated' }
    const peer = await join(name, 'device', capabilities)
    // What is wrong with it: a node begins to load before it is returned.
    const ills = { slowness: 1, lies: false, loadsForEver: false, isStuck: false, mostCaches: Infinity }
    const wait = (ms: number): Promise<void> => new Promise((resolve) => void peer.clock.timer(ms, resolve))
    const pace = {
      load: (layers: number) => wait(LOAD_MS.shard + LOAD_MS.layer * layers),
      run: async (layers: number, tokens: number): Promise<void> => {
        if (ills.isStuck) return new Promise(() => undefined)
        running += 1
        const beside = options.sharesMemory ? Math.max(1, running / options.sharesMemory) : 1
        await wait((stageMs + layers * layerMs * costOf(tokens)) * ills.slowness * beside)
        running -= 1
      },
      lies: () => ills.lies,
    }
    const shards = toyShards(pace, { ...options, mostCaches: () => ills.mostCaches })
    peer.network.setCapabilities(capabilities)
    const sizing = toySizing(SIM_CONTEXT)
    const neededBytes = ({ shard }: Parameters<ShardLoader>[0]): number =>
      sizing.shardBytes(shard, { backend: 'wasm', weightFormat: 'f32', floatType: 'f32' })
    const offer = createOffer({
      pledged: capabilities,
      setCapabilities: peer.network.setCapabilities,
      publish: () => peer.network.publishStatus(node.status()),
      onChange: () => note(name)('offers less', { memoryBytes: offer.memoryBytes() }),
    })
    const load: ShardLoader = async (request) => {
      if (neededBytes(request) > usableBytes) throw new ClusterError('not_enough_memory', 'the device ran out of memory')
      if (ills.loadsForEver) return new Promise(() => undefined)
      return shards.load(request)
    }
    const node = createRingNode({
      network: peer.network,
      load: offer.watch(load, async (request) => neededBytes(request)),
      fetch: shards.fetch,
      sizing: async () => {
        if (options.sizingMs) await wait(options.sizingMs)
        return sizing
      },
      ...(options.mostWaiting === undefined ? {} : { mostWaiting: options.mostWaiting }),
      onMemoryOut: offer.ranOut,
      memoryBytes: () => memoryBytes + (options.cacheBytes ?? 2 ** 30),
      ...(options.logBytes === undefined ? {} : { logBytes: options.logBytes }),
      ...(options.constraints ? { constraints: options.constraints } : {}),
      ...(options.newDrafter ? { newDrafter: options.newDrafter } : {}),
      timer: peer.clock.timer,
      now: time.now,
      turn: () => Promise.resolve(),
      random: seededRandom(seed + devices.length + 1),
      log: note(name),
    })
    const device: SimDevice = Object.assign(ills, { ...peer, node, shards, memoryBytes, isDead: false })
    devices.push(device)
    return device
  }

  return {
    time,
    random,
    signaling,
    paths,
    devices,
    log,
    addDevice,
    addClient: async (name, role = 'client') => {
      const peer = await join(name, role, null)
      const randomId = (): string => (nextId++).toString(16).padStart(16, '0')
      return { ...peer, client: createRingClient({ network: peer.network, randomId, timer: peer.clock.timer, now: time.now }) }
    },
    kill: (device, how) => {
      device.isDead = true
      device.clock.stop()
      if (how === 'closed') paths.close(device.id)
      else paths.cut(device.id)
      device.socket.die()
      if (how === 'silent') paths.mend(device.id)
    },
    freeze: (device, forMs) => {
      device.clock.freeze()
      time.timer(forMs, device.clock.thaw)
    },
  }
}

/** The newest placement of the toy model in a view. */
export const simPlacement = (view: ClusterView) => view.placements.get(SIM_MODEL)
