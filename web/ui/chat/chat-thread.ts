import { LitElement, css, html } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { Chat, Message } from '../../chat/chat-record.ts'
import { shownPath, siblingsOf } from '../../chat/message-tree.ts'
import { liveStats, type RunningAnswer } from '../../chat/running-answer.ts'
import type { RingSegment } from '../parts/ring-mark.ts'
import { sharedStyles } from '../parts/shared-styles.ts'
import './answer-turn.ts'
import type { Branches } from './branch-switch.ts'
import './question-turn.ts'

type Row = { readonly message: Message; readonly branches: Branches; readonly answered: ReadonlySet<string> }

/** The shown branch with what its elements need; made anew only when the chat has changed, so that a token redraws one element. */
function rowsOf(chat: Chat): readonly Row[] {
  const path = shownPath(chat)
  const answered = new Set(path.flatMap(({ callId }) => callId ?? []))
  return path.map((message) => ({ message, branches: siblingsOf(chat, message.id), answered }))
}

/**
 * The branch of a chat that is shown.
 *
 * @property chat - the chat
 * @property running - the answer that is being written in it
 * @property segments - the ring that answers
 * @fires {CustomEvent<MessageAction>} message-action
 */
export class ChatThread extends LitElement {
  static override properties = { chat: { attribute: false }, running: { attribute: false }, segments: { attribute: false } }
  declare chat: Chat | null
  declare running: RunningAnswer | null
  declare segments: readonly RingSegment[]
  private drawn: { readonly chat: Chat; readonly rows: readonly Row[] } | null = null

  static override styles = [
    sharedStyles,
    css`
      ol {
        display: grid;
        align-content: start;
        gap: var(--space-4);
        padding: var(--space-5) 0 var(--space-6);
        list-style: none;
      }
      li {
        min-width: 0;
      }
    `,
  ]

  constructor() {
    super()
    this.chat = null
    this.running = null
    this.segments = []
  }

  private rows(chat: Chat): readonly Row[] {
    if (this.drawn?.chat !== chat) this.drawn = { chat, rows: rowsOf(chat) }
    return this.drawn.rows
  }

  /** Opens the editor of the last question. */
  editLastQuestion(): void {
    const questions = [...this.renderRoot.querySelectorAll('question-turn')]
    questions.findLast((turn) => turn.message?.role === 'user')?.edit()
  }

  private turn({ message, branches, answered }: Row, isLast: boolean) {
    const isBusy = this.running !== null
    if (message.role !== 'assistant')
      return html`<question-turn .message=${message} .branches=${branches} .busy=${isBusy} .last=${isLast}></question-turn>`
    const running = this.running?.message === message.id ? this.running : null
    return html`<answer-turn
      .message=${message}
      .running=${running}
      .stats=${running ? liveStats(running, performance.now()) : message.stats}
      .branches=${branches}
      .busy=${isBusy}
      .last=${isLast}
      .answered=${answered}
      .segments=${this.segments}
    ></answer-turn>`
  }

  protected override render() {
    if (!this.chat) return null
    const rows = this.rows(this.chat)
    return html`<div role="log" aria-live="off" aria-busy=${this.running ? 'true' : 'false'} aria-label="Conversation">
      <ol>
        ${repeat(
          rows,
          ({ message }) => message.id,
          (row, index) => html`<li>${this.turn(row, index === rows.length - 1)}</li>`,
        )}
      </ol>
    </div>`
  }
}
customElements.define('chat-thread', ChatThread)

declare global {
  interface HTMLElementTagNameMap {
    'chat-thread': ChatThread
  }
}
