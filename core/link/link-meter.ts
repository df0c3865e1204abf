import type { LinkReport } from '../../protocol/cluster.ts'
import type { Clock } from './clock.ts'
import type { Link } from './link.ts'

/** Shorter spans give noise instead of a rate. */
const SHORTEST_SPAN_MS = 500

/** Turns a link's counters into what the roster shows of it. */
export function createLinkMeter(link: Link, clock: Clock): () => LinkReport {
  let since = { at: clock.now(), bytes: 0 }
  let bytesPerSecond: number | null = null
  return () => {
    const stats = link.stats()
    const bytes = stats.bytesSent + stats.bytesReceived
    const spanMs = clock.now() - since.at
    if (spanMs >= SHORTEST_SPAN_MS) {
      bytesPerSecond = Math.round(((bytes - since.bytes) / spanMs) * 1000)
      since = { at: clock.now(), bytes }
    }
    // Tenths of a millisecond are what a beat can tell.
    return { peerId: link.remote, path: link.path, rttMs: stats.rttMs === null ? null : Math.round(stats.rttMs * 10) / 10, bytesPerSecond }
  }
}
