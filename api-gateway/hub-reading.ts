import { webcrypto } from 'node:crypto'

/** What reads from a hub in Node. */
export const HUB_READING = {
  fetch: (url: string, init: RequestInit) => fetch(url, init),
  clock: {
    now: () => performance.now(),
    timer: (delayMs: number, callback: () => void) => {
      const timer = setTimeout(callback, delayMs)
      return () => clearTimeout(timer)
    },
  },
  random: Math.random,
  sha256: (bytes: Uint8Array<ArrayBuffer>) => webcrypto.subtle.digest('SHA-256', bytes),
}
