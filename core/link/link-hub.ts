/**
 * Keeps at most one link to each peer. Dials on the first frame: a direct path where both sides can, the relay when none forms
 * in time. Both sides may dial at once: then the smaller peer id is the dialer, on both paths. A peer that dials has no link,
 * so its offer replaces whatever is left of an older one.
 */
import type { LinkPath, LinkReport } from '../../protocol/cluster.ts'
import { ClusterError, type WireError } from '../../protocol/errors.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { DIRECT_PATH_TIMEOUT_MS } from '../../protocol/limits.ts'
import type { Negotiation, Welcome } from '../../protocol/signaling.ts'
import type { Clock } from './clock.ts'
import type { DirectAttempt, StartDirect } from './direct-path.ts'
import { createLinkMeter } from './link-meter.ts'
import { watchPair } from './pair-watch.ts'
import type { Link, SendOptions, WorkerProgress } from './link.ts'
import type { RawChannel } from './raw-channel.ts'
import { createRelayChannel, type RelayChannel } from './relay-channel.ts'
import { decodeRelayPacket, encodeRelayPacket, type RelayPacket } from './relay-packet.ts'
import { createSlicedLink } from './sliced-link.ts'

/** The other side must answer a relay dial in this time. */
const RELAY_ACCEPT_TIMEOUT_MS = 5_000
/** Beats of links to server processes. */
const SERVER_BEAT_MS = 10_000
/** After a direct path failed, dials to that peer go by relay at once for this long. */
const DIRECT_RETRY_AFTER_MS = 60_000

export type LinkHubOptions = {
  readonly self: PeerId
  readonly clock: Clock
  /** Uniform in [0, 1): names attempts and sessions. */
  readonly random: () => number
  /** How direct paths are made; null where there is no WebRTC. */
  readonly startDirect: StartDirect | null
  /** How `peer` may be reached now: `relay` for peers without WebRTC, `unknown` when it is not on the roster. */
  readonly reach: (peer: PeerId) => 'direct' | 'relay' | 'unknown'
  readonly iceServers: () => Welcome['iceServers']
  readonly negotiate: (negotiation: Negotiation) => void
  readonly relay: (to: PeerId, packet: Uint8Array) => Promise<WireError | null>
  readonly onFrame: (from: PeerId, frame: Uint8Array) => void
  /** What computes behind this peer; and, with each of its pongs, behind another. */
  readonly progress?: () => WorkerProgress
  readonly onProgress?: (peer: PeerId, progress: WorkerProgress) => void
  /** A link opened by this path, or closed: null, with the reason. */
  readonly onPath: (peer: PeerId, path: LinkPath | null, reason: string) => void
}

export type LinkHub = {
  /**
   * Dials when there is no link. Frames to one peer arrive in the order of their calls; one to `self` comes straight back.
   * @throws {ClusterError} link_closed, deadline_exceeded, frame_too_large
   */
  readonly send: (to: PeerId, frame: Uint8Array, options?: SendOptions) => Promise<void>
  /** The link to a peer, opened when there is none. @throws {ClusterError} link_closed */
  readonly dial: (peer: PeerId) => Promise<Link>
  /** Asks for a sign of life on the link to a peer, if there is one. */
  readonly probe: (peer: PeerId) => void
  readonly reports: () => readonly LinkReport[]
  readonly handleNegotiation: (negotiation: Negotiation) => void
  readonly handleRelay: (from: PeerId, packet: Uint8Array) => void
  /** The peer left the roster. A direct link stays: it has beats of its own, and may outlive the peer's signaling. */
  readonly forget: (peer: PeerId) => void
  /** Signaling is gone: what depends on it ends, direct links stay. */
  readonly signalingLost: () => void
  readonly close: () => void
}

type Phase =
  | { readonly state: 'direct'; readonly attempt: string; readonly path: DirectAttempt; readonly initiator: boolean }
  | { readonly state: 'relay-dialing'; readonly session: number }
  | { readonly state: 'open'; readonly link: Link; readonly relay: RelayChannel | null; readonly report: () => LinkReport }

type Entry = {
  readonly peer: PeerId
  readonly ready: Promise<Link>
  readonly resolve: (link: Link) => void
  readonly reject: (error: ClusterError) => void
  phase: Phase | null
  stopTimer: () => void
}

function createEntry(peer: PeerId): Entry {
  let resolve: (link: Link) => void = () => undefined
  let reject: (error: ClusterError) => void = () => undefined
  const ready = new Promise<Link>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // An entry made by the other side's dial may fail with nobody waiting for it.
  ready.catch(() => undefined)
  return { peer, ready, resolve, reject, phase: null, stopTimer: () => undefined }
}

export function createLinkHub(options: LinkHubOptions): LinkHub {
  const { self, clock, random, startDirect, reach, negotiate, relay, onFrame, onPath } = options
  const entries = new Map<PeerId, Entry>()
  const directFailedAt = new Map<PeerId, number>()
  const draw = (): number => Math.floor(random() * 2 ** 32)
  const post = (peer: PeerId, packet: Uint8Array): void => void relay(peer, packet)

  const fail = (entry: Entry, reason: string): void => {
    leavePhase(entry)
    if (entries.get(entry.peer) === entry) entries.delete(entry.peer)
    entry.reject(new ClusterError('link_closed', `no link to ${entry.peer}: ${reason}`))
  }

  /** Undoes what the entry's phase has begun. */
  const leavePhase = (entry: Entry): void => {
    const { phase } = entry
    entry.phase = null
    entry.stopTimer()
    if (phase?.state === 'direct') phase.path.abandon()
    if (phase?.state === 'open') phase.link.close()
  }

  const open = (entry: Entry, channel: RawChannel, relayed: RelayChannel | null): void => {
    entry.stopTimer()
    // Server processes compute and answer on one thread; the signal server sees when they end.
    const patience = reach(entry.peer) === 'relay' ? { beatMs: SERVER_BEAT_MS, isPatient: true } : {}
    const { progress } = options
    const onProgress = (theirs: WorkerProgress): void => options.onProgress?.(entry.peer, theirs)
    const link = createSlicedLink({ remote: entry.peer, channel, clock, onProgress, ...patience, ...(progress ? { progress } : {}) })
    const pair = watchPair(channel, clock)
    const phase: Phase = { state: 'open', link, relay: relayed, report: createLinkMeter(link, clock, pair.latest) }
    entry.phase = phase
    onPath(entry.peer, link.path, '')
    link.onClose((reason) => {
      pair.stop()
      if (entries.get(entry.peer) === entry) entries.delete(entry.peer)
      onPath(entry.peer, null, reason)
    })
    link.onMessage((frame) => onFrame(entry.peer, frame))
    entry.resolve(link)
  }

  const dialRelay = (entry: Entry): void => {
    leavePhase(entry)
    const session = draw()
    entry.phase = { state: 'relay-dialing', session }
    entry.stopTimer = clock.timer(RELAY_ACCEPT_TIMEOUT_MS, () => fail(entry, `no answer through the relay within ${RELAY_ACCEPT_TIMEOUT_MS} ms`))
    void relay(entry.peer, encodeRelayPacket('open', session)).then((error) => {
      if (error && entry.phase?.state === 'relay-dialing' && entry.phase.session === session) fail(entry, error.message)
    })
  }

  const giveUpDirect = (entry: Entry, attempt: string): void => {
    if (entry.phase?.state !== 'direct' || entry.phase.attempt !== attempt) return
    directFailedAt.set(entry.peer, clock.now())
    dialRelay(entry)
  }

  const dialDirect = (entry: Entry, start: StartDirect, attempt: string, initiator: boolean): void => {
    leavePhase(entry)
    // `start` may answer before it returns.
    let early: RawChannel | null = null
    const path = start({
      initiator,
      iceServers: options.iceServers(),
      onSignal: (kind, payload) => negotiate({ peerId: entry.peer, attempt, kind, payload }),
      onOpen: (channel) => {
        if (entry.phase?.state === 'direct' && entry.phase.attempt === attempt) open(entry, channel, null)
        else if (entry.phase === null) early = channel
        else channel.close()
      },
      onFail: () => giveUpDirect(entry, attempt),
    })
    entry.phase = { state: 'direct', attempt, path, initiator }
    // The side that answers waits a little longer: the dialer decides.
    entry.stopTimer = clock.timer(DIRECT_PATH_TIMEOUT_MS + (initiator ? 0 : DIRECT_PATH_TIMEOUT_MS / 5), () => giveUpDirect(entry, attempt))
    if (early) open(entry, early, null)
  }

  const mayGoDirect = (peer: PeerId): boolean => {
    const failedAt = directFailedAt.get(peer)
    return reach(peer) === 'direct' && (failedAt === undefined || clock.now() - failedAt > DIRECT_RETRY_AFTER_MS)
  }

  const entryOf = (peer: PeerId): Entry => {
    const known = entries.get(peer)
    if (known) return known
    const entry = createEntry(peer)
    if (reach(peer) === 'unknown') {
      fail(entry, 'it is not on the roster')
      return entry
    }
    entries.set(peer, entry)
    if (startDirect && mayGoDirect(peer)) dialDirect(entry, startDirect, `${self}-${draw().toString(36)}`, true)
    else dialRelay(entry)
    return entry
  }

  /** The entry in which the other side's dial goes on; frames that wait for a link wait on. */
  const entryForDialer = (peer: PeerId): Entry => {
    const known = entries.get(peer)
    if (known && known.phase?.state !== 'open') return known
    if (known) fail(known, 'the other side dialed anew')
    const entry = createEntry(peer)
    entries.set(peer, entry)
    return entry
  }

  const answerOffer = (negotiation: Negotiation): void => {
    const peer = negotiation.peerId
    const phase = entries.get(peer)?.phase
    // Our relay dial stands: the other side answers it and drops its offer. Our own offer stands when our id is smaller.
    if (phase?.state === 'relay-dialing') return
    if (phase?.state === 'direct' && phase.initiator && self < peer) return
    const entry = entryForDialer(peer)
    if (startDirect === null) return dialRelay(entry)
    dialDirect(entry, startDirect, negotiation.attempt, false)
    if (entry.phase?.state === 'direct') entry.phase.path.signal(negotiation.kind, negotiation.payload)
  }

  const acceptRelay = (peer: PeerId, session: number): void => {
    if (entries.get(peer)?.phase?.state === 'relay-dialing' && self < peer) return
    const entry = entryForDialer(peer)
    leavePhase(entry)
    post(peer, encodeRelayPacket('accept', session))
    const channel = createRelayChannel(session, (packet) => relay(peer, packet))
    open(entry, channel, channel)
  }

  const handlePacket = (peer: PeerId, packet: RelayPacket): void => {
    const entry = entries.get(peer)
    const phase = entry?.phase
    const relayed = phase?.state === 'open' && phase.relay?.session === packet.session ? phase.relay : null
    const isDialed = phase?.state === 'relay-dialing' && phase.session === packet.session
    switch (packet.kind) {
      case 'open':
        return acceptRelay(peer, packet.session)
      case 'accept': {
        if (!entry || !isDialed) return
        const channel = createRelayChannel(packet.session, (bytes) => relay(peer, bytes))
        return open(entry, channel, channel)
      }
      case 'data':
        // A session that we do not know: the other side must learn that it is over.
        return relayed ? relayed.receive(packet.payload) : post(peer, encodeRelayPacket('close', packet.session))
      case 'close':
        if (entry && isDialed) return fail(entry, 'the other side refused')
        return relayed?.fail('closed by the other side')
    }
  }

  const dropUnlessDirect = (entry: Entry, reason: string): void => {
    if (entry.phase?.state !== 'open') return fail(entry, reason)
    entry.phase.relay?.fail(reason)
  }

  const dial = (peer: PeerId): Promise<Link> => entryOf(peer).ready
  return {
    dial,
    send: (to, frame, sendOptions) => {
      if (to !== self) return dial(to).then((link) => link.send(frame, sendOptions))
      return Promise.resolve().then(() => onFrame(self, frame))
    },
    probe: (peer) => {
      const phase = entries.get(peer)?.phase
      if (phase?.state === 'open') phase.link.probe()
    },
    reports: () => [...entries.values()].flatMap((entry) => (entry.phase?.state === 'open' ? [entry.phase.report()] : [])),
    handleNegotiation: (negotiation) => {
      if (negotiation.kind === 'offer') return answerOffer(negotiation)
      const phase = entries.get(negotiation.peerId)?.phase
      if (phase?.state === 'direct' && phase.attempt === negotiation.attempt) phase.path.signal(negotiation.kind, negotiation.payload)
    },
    handleRelay: (from, packet) => handlePacket(from, decodeRelayPacket(packet)),
    forget: (peer) => {
      directFailedAt.delete(peer)
      const entry = entries.get(peer)
      if (entry) dropUnlessDirect(entry, 'it left')
    },
    signalingLost: () => {
      for (const entry of [...entries.values()]) dropUnlessDirect(entry, 'the connection to the signal server is lost')
    },
    close: () => {
      for (const entry of [...entries.values()]) fail(entry, 'closed here')
    },
  }
}
