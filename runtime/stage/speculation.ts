/** Guessing ahead at the head: what to put behind a token on its lap, and what became of it. */
import { createDraftWindow } from '../../core/speculation/draft-window.ts'
import type { Drafter } from '../../core/speculation/drafter.ts'

export type Speculation = {
  /** Tokens that hold. */
  readonly push: (ids: readonly number[]) => void
  /** Guesses for the lap that begins now with the token at `position`, at most `most`. */
  readonly begin: (position: number, most: number, now: number) => readonly number[]
  /** The lap gave so many tokens. */
  readonly end: (tokens: number, now: number) => void
  /** Position behind the last token that was sent, guesses included. */
  readonly sentTo: () => number
}

export function createSpeculation(drafter: Drafter): Speculation {
  const window = createDraftWindow()
  let lap: { readonly drafted: number; readonly startedAt: number } | null = null
  let sentTo = 0
  return {
    push: drafter.push,
    begin: (position, most, now) => {
      const draft = most > 0 ? drafter.draft(most) : null
      const ids = draft ? draft.ids.slice(0, Math.min(most, window.size(draft.matched))) : []
      lap = { drafted: ids.length, startedAt: now }
      sentTo = position + 1 + ids.length
      return ids
    },
    end: (tokens, now) => {
      if (lap) window.lap(lap.drafted, Math.max(0, tokens - 1), now - lap.startedAt)
      lap = null
    },
    sentTo: () => sentTo,
  }
}
