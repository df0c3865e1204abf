/**
 * Direct paths by simple-peer. It negotiates; the data channel is used raw: its stream stalls above 64 KiB buffered and its
 * `send` has no back-pressure (feross/simple-peer#895).
 */
import SimplePeer from 'simple-peer/simplepeer.min.js'
import { z } from 'zod'
import type { DirectAttempt, DirectOptions, StartDirect } from '../../core/link/direct-path.ts'
import type { RawChannel } from '../../core/link/raw-channel.ts'
import { LINK_LOW_WATER_BYTES } from '../../protocol/limits.ts'
import { pairReportOf } from './pair-report.ts'

/** What the other side may say to simple-peer. Its own further signals (renegotiation, transceivers) are refused. */
const signalSchema = z.union([
  z.object({ type: z.enum(['offer', 'answer']), sdp: z.string() }),
  z.object({
    type: z.literal('candidate'),
    candidate: z.object({ candidate: z.string(), sdpMLineIndex: z.number().nullish(), sdpMid: z.string().nullish() }),
  }),
])

function parseSignal(payload: string): z.infer<typeof signalSchema> | null {
  try {
    return signalSchema.parse(JSON.parse(payload))
  } catch {
    return null
  }
}

/** simple-peer keeps the data channel to itself; made from both sides (`negotiated`), it is there from the start. */
function dataChannelOf(peer: SimplePeer.Instance): RTCDataChannel {
  const channel: unknown = Reflect.get(peer, '_channel')
  if (channel instanceof RTCDataChannel) return channel
  throw new Error('simple-peer has no data channel where version 9.11.1 has one')
}

/** Its own `getStats` has no type and is there for old browsers. */
function connectionOf(peer: SimplePeer.Instance): RTCPeerConnection | null {
  const connection: unknown = Reflect.get(peer, '_pc')
  return connection instanceof RTCPeerConnection ? connection : null
}

function createChannel(peer: SimplePeer.Instance, data: RTCDataChannel): RawChannel {
  let onMessage: (bytes: Uint8Array) => void = () => undefined
  let onClose: ((reason: string) => void) | null = null
  let onLow = (): void => undefined
  let closedReason: string | null = null

  const end = (reason: string): void => {
    if (closedReason !== null) return
    closedReason = reason
    peer.destroy()
    onClose?.(reason)
  }
  data.bufferedAmountLowThreshold = LINK_LOW_WATER_BYTES
  data.onbufferedamountlow = () => onLow()
  data.onmessage = (event: MessageEvent<unknown>) => {
    if (event.data instanceof ArrayBuffer) onMessage(new Uint8Array(event.data))
  }
  peer.on('error', (error) => end(error.message))
  peer.on('close', () => end('closed by the other side'))
  data.addEventListener('close', () => end('closed by the other side'))
  return {
    path: 'webrtc',
    send: (bytes) => {
      if (closedReason !== null || data.readyState !== 'open') throw new Error(`the data channel is ${closedReason ?? data.readyState}`)
      // A view over shared memory cannot be sent; slices never are one.
      data.send(new Uint8Array(bytes))
    },
    bufferedAmount: () => data.bufferedAmount,
    onLow: (listener) => void (onLow = listener),
    onMessage: (listener) => void (onMessage = listener),
    onClose: (listener) => {
      onClose = listener
      if (closedReason !== null) listener(closedReason)
    },
    close: () => end('closed here'),
    pairReport: async () => {
      const entries: unknown[] = []
      const report = await connectionOf(peer)?.getStats()
      report?.forEach((entry: unknown) => entries.push(entry))
      return pairReportOf(entries)
    },
  }
}

const iceServerOf = ({ urls, username, credential }: DirectOptions['iceServers'][number]): RTCIceServer => ({
  urls,
  ...(username === undefined ? {} : { username }),
  ...(credential === undefined ? {} : { credential }),
})

/** Starts one attempt. Fails soon when ICE fails; how long to wait otherwise is the caller's matter. */
export const startWebRtc: StartDirect = (options: DirectOptions): DirectAttempt => {
  const { initiator, iceServers, onSignal, onOpen, onFail } = options
  let isSettled = false
  const peer = new SimplePeer({
    initiator,
    trickle: true,
    channelConfig: { negotiated: true, id: 0, ordered: true },
    config: { iceServers: iceServers.map(iceServerOf) },
  })
  const fail = (reason: string): void => {
    if (isSettled) return
    isSettled = true
    peer.destroy()
    onFail(reason)
  }
  peer.on('error', (error) => fail(error.message))
  peer.on('close', () => fail('the connection closed before it opened'))
  peer.on('signal', (signal) => {
    const kind = signal.type
    if (kind === 'offer' || kind === 'answer' || kind === 'candidate') onSignal(kind, JSON.stringify(signal))
  })
  const data = dataChannelOf(peer)
  data.addEventListener('open', () => {
    if (isSettled) return
    isSettled = true
    onOpen(createChannel(peer, data))
  })
  return {
    signal: (_, payload) => {
      const signal = parseSignal(payload)
      if (!signal || isSettled) return signal ? undefined : fail('a negotiation message that makes no sense')
      try {
        peer.signal(payload)
      } catch (thrown) {
        fail(thrown instanceof Error ? thrown.message : 'a negotiation message that makes no sense')
      }
    },
    abandon: () => {
      if (isSettled) return
      isSettled = true
      peer.destroy()
    },
  }
}
