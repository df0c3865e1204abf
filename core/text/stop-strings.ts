/** Cuts a growing text at the first stop string; holds back an end that may still become one. */
export type StopScanner = {
  /** The text that can no longer be part of a stop string, and the one that was met. After a hit nothing more comes. */
  readonly push: (text: string) => { readonly text: string; readonly hit: string | null }
  /** What was held back, when the text has ended without a hit. */
  readonly end: () => string
}

/** Length of the longest end of `text` that is a proper beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (stop.startsWith(text.slice(text.length - length))) return length
  }
  return 0
}

export function createStopScanner(stops: readonly string[]): StopScanner {
  let held = ''
  let hit: string | null = null
  return {
    push: (text) => {
      if (hit !== null) return { text: '', hit }
      held += text
      const [first] = stops
        .map((stop) => ({ stop, at: held.indexOf(stop) }))
        .filter(({ at }) => at >= 0)
        .sort((a, b) => a.at - b.at)
      if (first) {
        hit = first.stop
        return { text: held.slice(0, first.at), hit }
      }
      const keep = Math.max(0, ...stops.map((stop) => overlap(held, stop)))
      const ready = held.slice(0, held.length - keep)
      held = held.slice(held.length - keep)
      return { text: ready, hit }
    },
    end: () => (hit === null ? held : ''),
  }
}
