import { LitElement, css, html } from 'lit'
import type { AnswerStats, Message } from '../../chat/chat-record.ts'
import { waitPhrase } from './answer-stats.ts'
import type { RunningAnswer } from '../../chat/running-answer.ts'
import { icon } from '../parts/icons.ts'
import '../parts/ring-mark.ts'
import type { RingSegment } from '../parts/ring-mark.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import './branch-switch.ts'
import type { Branches } from './branch-switch.ts'
import './copy-button.ts'
import './markdown-text.ts'
import { act } from './message-action.ts'
import './message-editor.ts'
import './token-heat.ts'
import './tool-calls.ts'

const ENDINGS = {
  stop: null,
  tool_calls: null,
  length: 'Cut off: the answer reached the longest that it may be.',
  cancelled: 'Stopped.',
  interrupted: 'Interrupted before it was done.',
} as const

/**
 * One answer: its reasoning folded, its calls of functions, its text, how it ended, and what can be done with it.
 *
 * @property message - what is kept of it
 * @property running - what is being written of it; null once it is done
 * @property stats - figures to show
 * @property branches - its versions
 * @property busy - an answer is being written: nothing else can be asked
 * @property last - nothing follows it
 * @property answered - ids of its calls that have their result
 * @property segments - the ring that answers, for its mark
 * @fires {CustomEvent<MessageAction>} message-action
 */
export class AnswerTurn extends LitElement {
  static override properties = {
    message: { attribute: false },
    running: { attribute: false },
    stats: { attribute: false },
    branches: { attribute: false },
    busy: { type: Boolean },
    last: { type: Boolean },
    answered: { attribute: false },
    segments: { attribute: false },
    view: { state: true },
  }
  declare message: Message | null
  declare running: RunningAnswer | null
  declare stats: AnswerStats | null
  declare branches: Branches
  declare busy: boolean
  declare last: boolean
  declare answered: ReadonlySet<string>
  declare segments: readonly RingSegment[]
  declare private view: 'text' | 'editor' | 'tokens'

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      .answer {
        display: grid;
        grid-template-columns: 1.75rem minmax(0, 1fr);
        gap: 0 0.85rem;
      }
      ring-mark {
        width: 1.75rem;
        height: 1.75rem;
        margin-top: -0.05rem;
      }
      .foot {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.1rem 0.6rem;
        min-height: 2rem;
        margin-top: 0.35rem;
      }
      .actions {
        display: flex;
        align-items: center;
        margin-left: -0.45rem;
      }
      .actions button.icon {
        width: 2rem;
        min-height: 2rem;
      }
      .ending {
        margin-top: 0.4rem;
      }
      details {
        margin-bottom: var(--space-3);
        border-left: 3px solid var(--line);
        padding-left: 0.9rem;
        color: var(--muted);
        font-size: var(--text-l);
      }
      summary {
        width: fit-content;
        cursor: pointer;
        font-size: var(--text-m);
        font-weight: var(--weight-medium);
      }
      @media (max-width: 30rem) {
        .answer {
          grid-template-columns: minmax(0, 1fr);
        }
        ring-mark {
          display: none;
        }
      }
    `,
  ]

  constructor() {
    super()
    this.message = null
    this.running = null
    this.stats = null
    this.branches = { ids: [], index: 0 }
    this.busy = false
    this.last = false
    this.answered = new Set()
    this.segments = []
    this.view = 'text'
  }

  private button(name: Parameters<typeof icon>[0], label: string, onClick: () => void, isDisabled = false) {
    return html`<button class="icon" aria-label=${label} title=${label} ?disabled=${isDisabled} @click=${onClick}>${icon(name)}</button>`
  }

  private actions(message: Message) {
    if (this.running) return null
    const isCut = message.finish === 'length' || message.finish === 'cancelled' || message.finish === 'interrupted'
    return html`<span class="actions">
      <branch-switch .branches=${this.branches}></branch-switch>
      ${message.text === '' ? null : html`<copy-button .text=${message.text}></copy-button>`}
      ${this.button('write', 'Edit answer', () => (this.view = 'editor'), this.busy)}
      ${this.button('again', 'Regenerate', () => act(this, { type: 'regenerate', id: message.id }), this.busy)}
      ${isCut && message.text !== '' ? this.button('onward', 'Continue', () => act(this, { type: 'go-on', id: message.id, text: message.text }), this.busy) : null}
      ${message.tokens ? this.button('heat', 'Token probabilities', () => (this.view = this.view === 'tokens' ? 'text' : 'tokens')) : null}
    </span>`
  }

  /** Focus goes back to where it came from. */
  private closeEditor(): void {
    this.view = 'text'
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[aria-label="Edit answer"]')?.focus())
  }

  private body(message: Message, text: string) {
    if (this.view === 'editor' && !this.running) {
      return html`<message-editor
        .text=${text}
        label="Edit answer"
        @save=${(event: CustomEvent<string>) => {
          this.closeEditor()
          act(this, { type: 'rewrite', id: message.id, text: event.detail })
        }}
        @leave=${() => this.closeEditor()}
      ></message-editor>`
    }
    if (this.view === 'tokens' && message.tokens && !this.running) {
      return html`<token-heat
        .tokens=${message.tokens}
        .given=${message.text.slice(0, message.given)}
        @go-on=${(event: CustomEvent<string>) => act(this, { type: 'go-on', id: message.id, text: event.detail })}
      ></token-heat>`
    }
    return html`<markdown-text .source=${text} .streaming=${this.running !== null}></markdown-text>`
  }

  private reasoning(text: string, isThinking: boolean) {
    if (text === '') return null
    return html`<details>
      <summary>${isThinking ? 'Thinking…' : 'Thought about it'}</summary>
      <markdown-text .source=${text} .streaming=${isThinking}></markdown-text>
    </details>`
  }

  protected override render() {
    const { message, running } = this
    if (!message) return null
    const { text, reasoning, calls } = running ?? message
    const ending = message.finish === null || running ? null : ENDINGS[message.finish]
    return html`<div class="answer">
      <ring-mark .segments=${this.segments} .busy=${running !== null}></ring-mark>
      <div>
        <span class="visually-hidden">Answer: </span>
        ${this.reasoning(reasoning, running !== null && text === '')} ${this.body(message, text)}
        <tool-calls
          .calls=${calls}
          .answered=${this.answered}
          .running=${running !== null}
          @result=${(event: CustomEvent<{ call: string; text: string }>) => act(this, { type: 'result', id: message.id, ...event.detail })}
        ></tool-calls>
        ${ending === null ? null : html`<p class="ending muted small">${ending}</p>`}
        <div class="foot">
          ${this.actions(message)}
          <answer-stats .stats=${this.stats} .wait=${running ? waitPhrase(running) : ''}></answer-stats>
        </div>
      </div>
    </div>`
  }
}
customElements.define('answer-turn', AnswerTurn)

declare global {
  interface HTMLElementTagNameMap {
    'answer-turn': AnswerTurn
  }
}
