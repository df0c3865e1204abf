/** What a page asks of its worker and gets one answer to. */
import type { Preview } from '../../core/cluster/preview.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { ShareEstimate } from '../../runtime/measure/estimate-share.ts'
import type { EngineToPage, PageToEngine } from './engine-messages.ts'
import type { PreviewChange } from './page-engine.ts'
import { createTickets } from './tickets.ts'

type Answer = Extract<EngineToPage, { readonly type: 'estimate' | 'estimate-failed' | 'preview' | 'preview-failed' | 'left' }>
type Trial = Omit<Extract<PageToEngine, { readonly type: 'estimate' }>, 'type' | 'ticket'>

export type EngineQuestions = {
  readonly estimate: (trial: Trial) => Promise<ShareEstimate>
  readonly preview: (model: ModelId, change: PreviewChange) => Promise<Preview>
  readonly leave: (now: boolean) => Promise<void>
  readonly handle: (answer: Answer) => void
  /** The worker is gone. */
  readonly failAll: (error: Error) => void
}

export function createEngineQuestions(tell: (message: PageToEngine) => void): EngineQuestions {
  const estimates = createTickets<ShareEstimate>()
  const previews = createTickets<Preview>()
  const leaving = createTickets<void>()
  return {
    estimate: (trial) => estimates.ask((ticket) => tell({ type: 'estimate', ticket, ...trial })),
    preview: (model, change) => previews.ask((ticket) => tell({ type: 'preview', ticket, model, change })),
    leave: (now) => leaving.ask((ticket) => tell({ type: 'leave', ticket, now })),
    handle: (answer) => {
      switch (answer.type) {
        case 'estimate':
          return estimates.answer(answer.ticket, answer.estimate)
        case 'estimate-failed':
          return estimates.fail(answer.ticket, answer.error)
        case 'preview':
          return previews.answer(answer.ticket, answer.preview)
        case 'preview-failed':
          return previews.fail(answer.ticket, answer.error)
        case 'left':
          return leaving.answer(answer.ticket)
      }
    },
    failAll: (error) => {
      for (const tickets of [estimates, previews, leaving]) tickets.failAll(error)
    },
  }
}
