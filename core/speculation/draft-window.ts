/**
 * How many tokens to guess ahead of each lap: none until guessing has a reason, more while guesses hold, none for a while when they
 * fail, and never more than what measured laps say is worth it.
 */
export type DraftWindow = {
  /** Most ids to draft. @param matched of the draft at hand */
  readonly size: (matched: number) => number
  /** A lap with so many drafts, of which so many held, took so long. */
  readonly lap: (drafted: number, accepted: number, ms: number) => void
}

const MOST = 8
const LEAST = 2
/** Tokens before a draft that it must have been found by, to begin and to go on. */
const MATCH = { begin: 3, goOn: 2 } as const
/** Laps without drafts after two rejections in a row; twice as many after each time without a draft that held whole. */
const PAUSE = { first: 16, most: 256 } as const
const MAX_REJECTIONS = 2
const WEIGHT = 0.2

type Measured = { ms: number; tokens: number }

export function createDraftWindow(): DraftWindow {
  /** By number of drafts; 0 is the plain lap. */
  const measured = new Map<number, Measured>()
  let size = 0
  let paused = 0
  let pause: number = PAUSE.first
  let rejections = 0

  function measure(drafted: number, tokens: number, ms: number): void {
    const known = measured.get(drafted)
    if (!known) return void measured.set(drafted, { ms, tokens })
    known.ms += WEIGHT * (ms - known.ms)
    known.tokens += WEIGHT * (tokens - known.tokens)
  }

  /** More tokens a millisecond than plain laps; unknown counts as yes. */
  function isWorthIt(drafted: number): boolean {
    const [plain, ahead] = [measured.get(0), measured.get(drafted)]
    return !plain || !ahead || ahead.tokens * plain.ms > ahead.ms
  }

  function rest(): void {
    ;[size, rejections, paused] = [0, 0, pause]
    pause = Math.min(pause * 2, PAUSE.most)
  }

  return {
    size: (matched) => {
      // The plain lap is what every other one is compared with.
      if (paused > 0 || !measured.has(0)) return 0
      if (size === 0) return matched >= MATCH.begin && isWorthIt(LEAST) ? LEAST : 0
      if (matched < MATCH.goOn) return 0
      for (let tried = size; tried >= LEAST; tried /= 2) if (isWorthIt(tried)) return tried
      return 0
    },
    lap: (drafted, accepted, ms) => {
      measure(drafted, accepted + 1, ms)
      if (drafted === 0) {
        paused = Math.max(0, paused - 1)
        // What was not worth it may be: other streams have ended, or the text has changed.
        if (paused === 0 && size === 0) for (const tried of [...measured.keys()]) if (tried > 0 && !isWorthIt(tried)) measured.delete(tried)
        return
      }
      if (accepted === drafted) {
        ;[rejections, pause] = [0, PAUSE.first]
        size = Math.min(MOST, Math.max(drafted, size) * 2)
      } else if (accepted * 2 < drafted) {
        rejections += 1
        size = size / 2 >= LEAST ? size / 2 : 0
        if (rejections >= MAX_REJECTIONS) rest()
      } else rejections = 0
      if (!isWorthIt(drafted)) rest()
    },
  }
}
