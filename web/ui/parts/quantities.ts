/** Numbers with units as people read them. */
const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const

/** Bytes in powers of 1024, at most one decimal: `512 B`, `3.4 MB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes <= 0) return '0 B'
  const power = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${value >= 100 || power === 0 ? Math.round(value) : Number(value.toFixed(1))} ${BYTE_UNITS[power] ?? 'B'}`
}

/** Seconds, coarser the longer: `4 s`, `2 min`, `1 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Milliseconds, in seconds from one second on: `0.42 ms`, `38 ms`, `1.2 s`. */
export function formatMilliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`
  if (ms >= 10) return `${Math.round(ms)} ms`
  return `${Number(ms.toFixed(ms >= 1 ? 1 : 2))} ms`
}

/** A speed in tokens a second: `8.3`, `140`. */
export const formatTokenRate = (rate: number): string => (rate >= 100 ? String(Math.round(rate)) : rate.toFixed(1))

/** A half-open range of layers as people count them, both ends named: `layers 0–3`, `layer 4`. */
export function formatLayers(startLayer: number, endLayer: number): string {
  const last = endLayer - 1
  return last <= startLayer ? `layer ${startLayer}` : `layers ${startLayer}–${last}`
}

/** `1 device`, `3 devices`. */
export const countOf = (count: number, noun: string): string => `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`

/** `a`, `a and b`, `a, b and c`. */
export function listOf(items: readonly string[], word: 'and' | 'or' = 'and'): string {
  const last = items.at(-1) ?? ''
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} ${word} ${last}`
}

/** Whole percent of `part` in `whole`, 0 where the whole is unknown. */
export const percentOf = (part: number, whole: number): number => (whole > 0 ? Math.min(100, Math.floor((100 * part) / whole)) : 0)
