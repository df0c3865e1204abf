/** Speed and time left of transfers, from what arrived lately. */
type Sample = { readonly atMs: number; readonly bytes: number }
export type TransferSpeed = { readonly bytesPerSecond: number | null; readonly etaSeconds: number | null }

/** Over the last seconds, so that a stall shows and a burst does not promise too much. */
const WINDOW_MS = 4_000
const UNKNOWN: TransferSpeed = { bytesPerSecond: null, etaSeconds: null }

export type TransferSpeeds = {
  /** Notes how far the transfer named `key` is. */
  readonly note: (key: string, bytes: number) => void
  readonly of: (key: string, totalBytes: number) => TransferSpeed
  /** Forgets transfers that are over. */
  readonly keepOnly: (keys: ReadonlySet<string>) => void
}

/** @param now monotonic milliseconds */
export function createTransferSpeeds(now: () => number): TransferSpeeds {
  const transfers = new Map<string, readonly Sample[]>()
  return {
    note: (key, bytes) => {
      const atMs = now()
      const known = transfers.get(key) ?? []
      const last = known.at(-1)
      if (last?.bytes === bytes && atMs - last.atMs < WINDOW_MS) return
      const kept = last && last.bytes > bytes ? [] : known.filter((sample) => atMs - sample.atMs <= WINDOW_MS)
      transfers.set(key, [...kept, { atMs, bytes }])
    },
    of: (key, totalBytes) => {
      const samples = transfers.get(key) ?? []
      const [first, last] = [samples[0], samples.at(-1)]
      if (!first || !last || last === first) return UNKNOWN
      const bytesPerSecond = ((last.bytes - first.bytes) * 1000) / Math.max(now() - first.atMs, last.atMs - first.atMs)
      const left = totalBytes - last.bytes
      return { bytesPerSecond, etaSeconds: bytesPerSecond > 0 && left > 0 ? left / bytesPerSecond : null }
    },
    keepOnly: (keys) => {
      for (const key of transfers.keys()) if (!keys.has(key)) transfers.delete(key)
    },
  }
}
