/** What stands in the input, and the files beside it. */
import type { Attachment } from './chat-record.ts'

type Written = { readonly text: string; readonly attachments: Attachment[] }

export type Draft = {
  readonly now: () => Readonly<{ text: string; attachments: readonly Attachment[] }>
  readonly edit: (text: string) => void
  readonly attach: (files: readonly Attachment[]) => void
  readonly detach: (index: number) => void
  /** Empties the input; null where there is nothing to ask with. */
  readonly take: () => Written | null
  /** A question returns to the input. False: something new was typed meanwhile, which stays. */
  readonly giveBack: (question: Written) => boolean
}

export function createDraft(onChange: () => void): Draft {
  let text = ''
  let attachments: readonly Attachment[] = []
  const isEmpty = (): boolean => text.trim() === '' && attachments.length === 0
  return {
    now: () => ({ text, attachments }),
    edit: (next) => {
      text = next
      onChange()
    },
    attach: (files) => {
      attachments = [...attachments, ...files]
      onChange()
    },
    detach: (index) => {
      attachments = attachments.filter((_, at) => at !== index)
      onChange()
    },
    take: () => {
      if (isEmpty()) return null
      const taken = { text: text.trim(), attachments: [...attachments] }
      text = ''
      attachments = []
      return taken
    },
    giveBack: (question) => {
      if (!isEmpty()) return false
      text = question.text
      attachments = question.attachments
      return true
    },
  }
}
