/** The name under which this device appears to others. */
import { displayNameSchema } from '../../../protocol/cluster.ts'

/** The part of `Storage` that is used. */
type TextStore = Pick<Storage, 'getItem' | 'setItem'>

const STORAGE_KEY = 'ringlet.device-name'
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/Edg\//, 'Edge'],
  [/Firefox\//, 'Firefox'],
  [/Chrome\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'Mac'],
  [/CrOS/, 'Chromebook'],
  [/Linux/, 'Linux'],
]

/** A name from what the browser says of itself: `Chrome on Linux`. */
export function guessName(userAgent: string): string {
  const first = (table: typeof BROWSERS, fallback: string): string => table.find(([pattern]) => pattern.test(userAgent))?.[1] ?? fallback
  return `${first(BROWSERS, 'Browser')} on ${first(SYSTEMS, 'a device')}`
}

/** The name chosen on an earlier visit, else a guess. */
export function rememberedName(store: TextStore, userAgent: string): string {
  try {
    return displayNameSchema.safeParse(store.getItem(STORAGE_KEY)).data ?? guessName(userAgent)
  } catch {
    // Storage is forbidden here.
    return guessName(userAgent)
  }
}

export function rememberName(store: TextStore, name: string): void {
  try {
    store.setItem(STORAGE_KEY, name)
  } catch {
    // Storage is forbidden here: the name holds for this visit.
  }
}
