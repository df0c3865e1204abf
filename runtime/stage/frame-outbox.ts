/** Frames on their way out: those to one device that are ready together leave as one message. */
import type { PeerId } from '../../protocol/ids.ts'
import { encodeFrame, type RingFrame } from '../../protocol/ring.ts'

export type FrameOutbox = {
  /** Sends a frame, or keeps it while frames are held. */
  readonly post: (to: PeerId, frame: RingFrame) => void
  /** Keeps frames until `task` is done. */
  readonly together: (task: () => Promise<void>) => Promise<void>
  /** Milliseconds that the last message of activations or tokens took to be accepted by its link. */
  readonly sendMs: () => number
}

export type FrameOutboxOptions = {
  readonly send: (to: PeerId, message: Uint8Array) => Promise<void>
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly onLost: (to: PeerId, type: RingFrame['type'], cause: unknown) => void
}

/** A frame of this size leaves by itself: others need not wait until all of it has come. */
const LARGE_BYTES = 32 * 1024

type Message = { readonly type: RingFrame['type']; readonly frames: Uint8Array[]; bytes: number }

function joined(frames: readonly Uint8Array[]): Uint8Array {
  const [first] = frames
  if (first && frames.length === 1) return first
  const all = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0))
  frames.reduce((offset, frame) => {
    all.set(frame, offset)
    return offset + frame.length
  }, 0)
  return all
}

export function createFrameOutbox({ send, now, onLost }: FrameOutboxOptions): FrameOutbox {
  const held = new Map<PeerId, Message[]>()
  let holds = 0
  let sendMs = 0

  const leave = (to: PeerId, { type, frames }: Message): void => {
    const started = now()
    send(to, joined(frames)).then(
      () => {
        if (type === 'activation' || type === 'token') sendMs = now() - started
      },
      (cause: unknown) => onLost(to, type, cause),
    )
  }

  const keep = (to: PeerId, type: RingFrame['type'], bytes: Uint8Array): void => {
    const messages = held.get(to) ?? []
    held.set(to, messages)
    const last = messages.at(-1)
    if (last && last.bytes + bytes.length <= LARGE_BYTES) {
      last.frames.push(bytes)
      last.bytes += bytes.length
    } else messages.push({ type, frames: [bytes], bytes: bytes.length })
  }

  const flush = (): void => {
    const all = [...held]
    held.clear()
    for (const [to, messages] of all) for (const message of messages) leave(to, message)
  }

  return {
    post: (to, frame) => {
      const bytes = encodeFrame(frame)
      if (holds > 0) keep(to, frame.type, bytes)
      else leave(to, { type: frame.type, frames: [bytes], bytes: bytes.length })
    },
    together: async (task) => {
      holds += 1
      try {
        await task()
      } finally {
        holds -= 1
        if (holds === 0) flush()
      }
    },
    sendMs: () => sendMs,
  }
}
