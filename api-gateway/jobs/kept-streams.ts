/** Streams that go on without their reader, and can be read again from any byte: those of requests with `X-Conversation-Id`. */
import type { ServerResponse } from 'node:http'
import { ClusterError } from '../../protocol/errors.ts'
import { sendStreamHeaders, type StreamSink } from '../http/event-stream.ts'

/** Bytes of all streams together; the oldest that have ended go first. */
const MOST_BYTES = 64 * 1024 * 1024
const MOST_STREAMS = 256
/** How long a stream can be read after its end. */
const KEPT_MS = 10 * 60_000

type Follower = { readonly response: ServerResponse; position: number; isWaiting: boolean }
export type KeptStream = {
  /** What it is written to. */
  readonly sink: StreamSink
  /** All from a byte on, then what comes. @throws {ClusterError} invalid_value for a byte that is not there yet */
  readonly follow: (response: ServerResponse, from: number) => void
}
/** `forget`: nothing will be written. */
export type OpenedStream = KeptStream & { readonly forget: () => void }
export type KeptStreams = {
  /** A new stream of a conversation ends the one before. @param cancel ends the work behind it */
  readonly open: (conversation: string, owner: string, cancel: () => void) => OpenedStream
  /** Null when there is none, or it is another's. */
  readonly find: (conversation: string, owner: string) => KeptStream | null
  /** Ends its work and forgets it. Whether there was one. */
  readonly remove: (conversation: string, owner: string) => boolean
}

type Held = KeptStream & { readonly bytes: () => number; readonly isEnded: () => boolean; readonly close: () => void }

/** @param onChange after each write and at the end */
function createKeptStream(cancel: () => void, onChange: () => void): Held {
  let pieces: Buffer[] = []
  let [bytes, isEnded] = [0, false]
  const followers = new Set<Follower>()
  let onClose: () => void = () => undefined

  /** From the position of a follower to the end of what there is; a reader that does not read waits at its own place. */
  function pump(follower: Follower): void {
    const { response } = follower
    if (follower.isWaiting || response.destroyed) return
    if (follower.position < bytes) {
      const behind = bytes - follower.position
      follower.position = bytes
      const last = pieces.at(-1)
      const rest = last && last.length >= behind ? last.subarray(last.length - behind) : Buffer.concat(pieces).subarray(bytes - behind)
      if (!response.write(rest)) {
        follower.isWaiting = true
        response.once('drain', () => {
          follower.isWaiting = false
          pump(follower)
        })
        return
      }
    }
    if (isEnded) response.end()
  }
  const pumpAll = (): void => followers.forEach(pump)
  const end = (): void => {
    if (isEnded) return
    isEnded = true
    onClose()
    pumpAll()
    onChange()
  }
  return {
    sink: {
      start: () => undefined,
      write: (text) => {
        if (isEnded) return
        const piece = Buffer.from(text)
        pieces.push(piece)
        bytes += piece.length
        pumpAll()
        onChange()
      },
      end,
      onClose: (listener) => void (onClose = listener),
    },
    follow: (response, from) => {
      if (from > bytes) throw new ClusterError('invalid_value', `from: the stream has ${bytes} bytes so far`, { detail: { param: 'from' } })
      sendStreamHeaders(response, 'sse')
      const follower: Follower = { response, position: from, isWaiting: false }
      followers.add(follower)
      response.once('close', () => followers.delete(follower))
      pump(follower)
    },
    bytes: () => bytes,
    isEnded: () => isEnded,
    // Cancelled work ends its stream itself, with the reason.
    close: () => {
      if (!isEnded) return cancel()
      pieces = []
      bytes = 0
    },
  }
}

export function createKeptStreams(): KeptStreams {
  /** In the order of their beginning. */
  const streams = new Map<string, Held>()
  const nameOf = (conversation: string, owner: string): string => `${owner} ${conversation}`
  const drop = (name: string): boolean => {
    const held = streams.get(name)
    streams.delete(name)
    held?.close()
    return held !== undefined
  }
  /** What has ended goes first; a stream that alone is larger than all may be is ended. */
  function makeRoom(): void {
    const isTooMuch = (): boolean => streams.size > MOST_STREAMS || [...streams.values()].reduce((sum, one) => sum + one.bytes(), 0) > MOST_BYTES
    const order = [...streams].toSorted(([, a], [, b]) => Number(b.isEnded()) - Number(a.isEnded()))
    for (const [name] of order) {
      if (!isTooMuch()) return
      drop(name)
    }
  }
  return {
    open: (conversation, owner, cancel) => {
      const name = nameOf(conversation, owner)
      drop(name)
      const held = createKeptStream(cancel, () => {
        makeRoom()
        if (held.isEnded()) setTimeout(() => streams.get(name) === held && streams.delete(name), KEPT_MS).unref()
      })
      streams.set(name, held)
      return { ...held, forget: () => void (streams.get(name) === held && streams.delete(name)) }
    },
    find: (conversation, owner) => streams.get(nameOf(conversation, owner)) ?? null,
    remove: (conversation, owner) => drop(nameOf(conversation, owner)),
  }
}
