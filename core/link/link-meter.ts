import type { LinkReport, PairReport } from '../../protocol/cluster.ts'
import type { Clock } from './clock.ts'
import type { Link } from './link.ts'

/** Shorter spans give noise instead of a rate. */
const SHORTEST_SPAN_MS = 500

/** Turns a link's counters into what the roster shows of it. @param pair what the platform last said of its path */
export function createLinkMeter(link: Link, clock: Clock, pair: () => PairReport | null): () => LinkReport {
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
    const { arrivalBytesPerSecond } = stats
    const told = pair()
    return {
      peerId: link.remote,
      path: link.path,
      // Tenths of a millisecond are what a beat can tell.
      rttMs: stats.rttMs === null ? null : Math.round(stats.rttMs * 10) / 10,
      bytesPerSecond,
      ...(arrivalBytesPerSecond === null ? {} : { arrivalBytesPerSecond: Math.round(arrivalBytesPerSecond) }),
      ...(told ? { pair: told } : {}),
    }
  }
}
