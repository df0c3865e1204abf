import type { Drafter } from '../../core/speculation/drafter.ts'

export type Answer = { readonly prompt: readonly number[]; readonly ids: readonly number[] }

/**
 * Guesses what is known to come, and now and then wrongly: the toy model repeats nothing that could be looked up.
 * @param answers whole ones @param isWrong asked for each guess @param onDraft called with each number of guesses
 */
export function toyDrafter(answers: () => readonly Answer[], isWrong: () => boolean, onDraft: (count: number) => void): Drafter {
  const known: number[] = []
  const isBegunBy = ({ prompt, ids }: Answer): boolean =>
    prompt.length < known.length && known.every((id, i) => id === (i < prompt.length ? prompt[i] : ids[i - prompt.length]))
  return {
    push: (ids) => void known.push(...ids),
    draft: (most) => {
      const answer = answers().find(isBegunBy)
      const coming = answer?.ids.slice(known.length - answer.prompt.length).slice(0, most) ?? []
      const ids = coming.map((id) => (isWrong() ? id + 1 : id))
      onDraft(ids.length)
      return { ids, matched: 4 }
    },
  }
}
