import { LitElement, css, html } from 'lit'
import './answer-stats.ts'
import type { AnswerStats, Turn } from './chat-thread.ts'
import { copyText } from './copy-text.ts'
import './markdown-text.ts'
import './ring-mark.ts'
import type { RingSegment } from './ring-mark.ts'
import { buttonStyles, sharedStyles } from './shared-styles.ts'

const ENDINGS = {
  stop: null,
  length: 'Cut off: the answer reached the longest that the model can write.',
  cancelled: 'Stopped.',
  interrupted: 'Interrupted: a device was lost while it wrote.',
} as const

/**
 * One question or answer.
 *
 * @property turn - what was said
 * @property stats - figures to show; of the turn itself, or live ones while it runs
 * @property prompt - how much of the prompt is processed, before the first token
 * @property running - the answer is being written
 * @property last - offers another answer
 * @property segments - the ring that answers, for its mark
 * @fires regenerate - asks for another answer
 */
export class ChatTurn extends LitElement {
  static override properties = {
    turn: { attribute: false },
    stats: { attribute: false },
    prompt: { attribute: false },
    running: { type: Boolean },
    last: { type: Boolean },
    segments: { attribute: false },
    copied: { state: true },
  }
  declare turn: Turn | null
  declare stats: AnswerStats | null
  declare prompt: { readonly processed: number; readonly total: number } | null
  declare running: boolean
  declare last: boolean
  declare segments: readonly RingSegment[]
  declare copied: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      .question {
        max-width: min(85%, 36rem);
        width: fit-content;
        margin-left: auto;
        padding: 0.6rem 1rem;
        border-radius: 18px 18px 5px 18px;
        background: var(--accent-soft);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
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
        margin-left: -0.55rem;
      }
      .ending {
        margin-top: 0.4rem;
      }
    `,
  ]

  constructor() {
    super()
    this.turn = null
    this.stats = null
    this.prompt = null
    this.running = false
    this.last = false
    this.segments = []
    this.copied = false
  }

  private async copy(): Promise<void> {
    this.copied = await copyText(this.turn?.text ?? '')
    if (this.copied) setTimeout(() => (this.copied = false), 1600)
  }

  private actions(turn: Turn) {
    if (this.running) return null
    return html`<span class="actions">
      ${turn.text === '' ? null : html`<button class="plain" @click=${() => void this.copy()}>${this.copied ? 'Copied' : 'Copy'}</button>`}
      ${this.last ? html`<button class="plain" @click=${() => this.dispatchEvent(new CustomEvent('regenerate', { bubbles: true, composed: true }))}>Regenerate</button>` : null}
    </span>`
  }

  protected override render() {
    const turn = this.turn
    if (!turn) return null
    if (turn.role === 'user') {
      return html`<div class="question"><span class="visually-hidden">You asked: </span>${turn.text}</div>`
    }
    const ending = turn.finish === null ? null : ENDINGS[turn.finish]
    return html`<div class="answer">
      <ring-mark .segments=${this.segments} .busy=${this.running}></ring-mark>
      <div>
        <span class="visually-hidden">Answer: </span>
        <markdown-text .source=${turn.text} .streaming=${this.running}></markdown-text>
        ${ending === null ? null : html`<p class="ending muted small">${ending}</p>`}
        <div class="foot">${this.actions(turn)}<answer-stats .stats=${this.stats} .prompt=${this.prompt}></answer-stats></div>
      </div>
    </div>`
  }
}
customElements.define('chat-turn', ChatTurn)

declare global {
  interface HTMLElementTagNameMap {
    'chat-turn': ChatTurn
  }
}
