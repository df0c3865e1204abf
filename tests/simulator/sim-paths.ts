/** Direct paths between simulated peers: data channels in memory that are negotiated through signaling, and can be cut. */
import type { DirectAttempt, DirectOptions, StartDirect } from '../../core/link/direct-path.ts'
import { createMemoryChannels, type ChannelPair, type MemoryNetworkOptions } from '../../core/link/memory-link.ts'
import type { RawChannel } from '../../core/link/raw-channel.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { DeviceClock } from './virtual-time.ts'

type Side = { readonly peer: PeerId; readonly clock: DeviceClock }
type Offer = Side & { readonly options: DirectOptions; isOpen: boolean }
type Path = { readonly a: PeerId; readonly b: PeerId; readonly pair: ChannelPair }

export type SimPaths = {
  readonly startDirect: (side: Side) => StartDirect
  /** Nothing reaches the peer by direct paths any more, and nobody is told. */
  readonly cut: (peer: PeerId) => void
  /** New paths may form again. */
  readonly mend: (peer: PeerId) => void
  /** All its paths close, and both ends see it. */
  readonly close: (peer: PeerId) => void
}

/** What happens to a device happens to what reaches it. */
function throughClock(channel: RawChannel, clock: DeviceClock): RawChannel {
  return {
    ...channel,
    onLow: (listener) => channel.onLow(() => clock.deliver(listener)),
    onMessage: (listener) => channel.onMessage((bytes) => clock.deliver(() => listener(bytes))),
    onClose: (listener) => channel.onClose((reason) => clock.deliver(() => listener(reason))),
  }
}

export function createSimPaths(network: MemoryNetworkOptions): SimPaths {
  const offers = new Map<string, Offer>()
  const paths = new Set<Path>()
  const isCut = new Set<PeerId>()
  let count = 0
  const of = (peer: PeerId): readonly Path[] => [...paths].filter((path) => path.a === peer || path.b === peer)

  function open(offer: Offer, answer: Side & { readonly options: DirectOptions }): void {
    if (offer.isOpen || isCut.has(offer.peer) || isCut.has(answer.peer)) return
    offer.isOpen = true
    const pair = createMemoryChannels(network)
    paths.add({ a: offer.peer, b: answer.peer, pair })
    offer.clock.deliver(() => offer.options.onOpen(throughClock(pair.a, offer.clock)))
    answer.clock.deliver(() => answer.options.onOpen(throughClock(pair.b, answer.clock)))
  }

  return {
    startDirect:
      (side) =>
      (options): DirectAttempt => {
        const token = `offer-${count++}`
        let isAbandoned = false
        const own: Offer = {
          ...side,
          options: { ...options, onOpen: (channel) => (isAbandoned ? channel.close() : options.onOpen(channel)) },
          isOpen: false,
        }
        if (options.initiator) {
          offers.set(token, own)
          side.clock.timer(0, () => isAbandoned || options.onSignal('offer', token))
        }
        return {
          signal: (kind, payload) => {
            const offer = kind === 'offer' ? offers.get(payload) : undefined
            if (!offer) return
            side.clock.timer(1, () => {
              if (isAbandoned) return
              options.onSignal('answer', token)
              network.clock.timer(5, () => open(offer, own))
            })
          },
          abandon: () => void (isAbandoned = true),
        }
      },
    cut: (peer) => {
      isCut.add(peer)
      for (const path of of(peer)) {
        path.pair.freeze()
        paths.delete(path)
      }
    },
    mend: (peer) => void isCut.delete(peer),
    close: (peer) => {
      for (const path of of(peer)) {
        path.pair.kill()
        paths.delete(path)
      }
    },
  }
}
