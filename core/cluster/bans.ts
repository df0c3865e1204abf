import type { PeerId } from '../../protocol/ids.ts'

/** Devices that are left out for a while, longer each time. */
export type Bans = {
  readonly has: (peer: PeerId) => boolean
  readonly until: (peer: PeerId, forMs: number) => void
  /** A device was lost once more; the first `free` times cost nothing. Returns the milliseconds that it is left out. */
  readonly strike: (peer: PeerId, free: number) => number
}

const FIRST_MS = 15_000
const MOST_MS = 15 * 60_000
/** A device that stayed this long is as good as new. */
const FORGIVEN_MS = 10 * 60_000

/** @param now monotonic milliseconds */
export function createBans(now: () => number): Bans {
  const ends = new Map<PeerId, number>()
  const strikes = new Map<PeerId, { readonly times: number; readonly at: number }>()
  const until = (peer: PeerId, forMs: number): void => void ends.set(peer, Math.max(ends.get(peer) ?? 0, now() + forMs))
  return {
    has: (peer) => (ends.get(peer) ?? 0) > now(),
    until,
    strike: (peer, free) => {
      const before = strikes.get(peer)
      const times = before && now() - before.at < FORGIVEN_MS ? before.times + 1 : 1
      strikes.set(peer, { times, at: now() })
      if (times <= free) return 0
      const forMs = Math.min(FIRST_MS * 2 ** (times - free - 1), MOST_MS)
      until(peer, forMs)
      return forMs
    },
  }
}
