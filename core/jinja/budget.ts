import { refuse } from './refusal.ts'

/** Steps of one rendering: far more than the longest conversation takes, and seconds at most. */
const MAX_STEPS = 10_000_000
const MAX_CHARACTERS = 1 << 26

/** What is left of one rendering, because a template may loop as it likes. */
export type Budget = { readonly step: () => void; readonly write: (characters: number) => void }

export function createBudget(): Budget {
  let [steps, written] = [0, 0]
  return {
    step: () => {
      if (++steps > MAX_STEPS) refuse('LimitError', `it takes more than ${MAX_STEPS} steps`)
    },
    write: (characters) => {
      written += characters
      if (written > MAX_CHARACTERS) refuse('LimitError', `it writes more than ${MAX_CHARACTERS} characters`)
    },
  }
}
