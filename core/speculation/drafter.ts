/** What may come next, guessed where all token ids are known: at the head. A guess costs nothing but the time to check it. */
export type Draft = {
  readonly ids: readonly number[]
  /** How sure it is, as the number of tokens before it that it was found by; a model may say the most. */
  readonly matched: number
}
export type Drafter = {
  /** Tokens that hold: of the prompt, then each of the answer. */
  readonly push: (ids: readonly number[]) => void
  /** At most so many ids that may follow them; empty where it has no idea. */
  readonly draft: (most: number) => Draft
}

/** Lengths of the endings that are looked up, longest first. */
const LENGTHS = [4, 3, 2] as const
const NOTHING: Draft = { ids: [], matched: 0 }

/**
 * Prompt lookup: what followed the same last tokens when they were there before, in prompt or answer. Longest ending first, latest
 * place first. Saxena, "Prompt lookup decoding" (2023).
 */
export function createPromptLookup(): Drafter {
  const ids: number[] = []
  /** Where each ending was last followed by something: position behind it. */
  const places = new Map<string, number>()
  const endingAt = (end: number, length: number): string => ids.slice(end - length, end).join()

  return {
    push: (more) => {
      for (const id of more) {
        for (const length of LENGTHS) if (ids.length >= length) places.set(endingAt(ids.length, length), ids.length)
        ids.push(id)
      }
    },
    draft: (most) => {
      for (const length of LENGTHS) {
        const place = ids.length >= length ? places.get(endingAt(ids.length, length)) : undefined
        if (place === undefined || most <= 0) continue
        const draft: number[] = []
        // What repeats without end is copied from the draft itself.
        while (draft.length < most) draft.push(ids[place + draft.length] ?? draft[place + draft.length - ids.length] ?? 0)
        return { ids: draft, matched: length }
      }
      return NOTHING
    },
  }
}
