/** Time for code that has none of its own. `now` is monotonic, in milliseconds. */
export type Clock = {
  readonly now: () => number
  /** Calls back once after the delay; returns the way to stop it. */
  readonly timer: (delayMs: number, callback: () => void) => () => void
}
