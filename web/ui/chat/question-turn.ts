import { LitElement, css, html } from 'lit'
import type { Message } from '../../chat/chat-record.ts'
import { icon } from '../parts/icons.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import './branch-switch.ts'
import type { Branches } from './branch-switch.ts'
import './copy-button.ts'
import './file-chips.ts'
import { act } from './message-action.ts'
import './message-editor.ts'

/**
 * One question, or the result of a function.
 *
 * @property message - what was said
 * @property branches - its versions
 * @property busy - an answer is being written: nothing else can be asked
 * @property last - nothing follows it: it can be asked again
 * @fires {CustomEvent<MessageAction>} message-action - asks again, in other words, or shows another version
 */
export class QuestionTurn extends LitElement {
  static override properties = {
    message: { attribute: false },
    branches: { attribute: false },
    busy: { type: Boolean },
    last: { type: Boolean },
    editing: { state: true },
  }
  declare message: Message | null
  declare branches: Branches
  declare busy: boolean
  declare last: boolean
  declare private editing: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        align-items: flex-end;
        gap: var(--space-1);
      }
      .question {
        max-width: min(85%, 36rem);
        padding: 0.6rem 1rem;
        border-radius: 18px 18px 5px 18px;
        background: var(--accent-soft);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      file-chips {
        max-width: min(85%, 36rem);
      }
      message-editor {
        align-self: stretch;
      }
      .actions {
        display: flex;
        align-items: center;
        min-height: 2rem;
      }
      button.icon {
        width: 2rem;
        min-height: 2rem;
      }
    `,
  ]

  constructor() {
    super()
    this.message = null
    this.branches = { ids: [], index: 0 }
    this.busy = false
    this.last = false
    this.editing = false
  }

  /** Opens the editor. */
  edit(): void {
    if (!this.busy && this.message?.role === 'user') this.editing = true
  }

  /** Focus goes back to where it came from. */
  private closeEditor(): void {
    this.editing = false
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[aria-label="Edit question"]')?.focus())
  }

  private save(message: Message, text: string): void {
    this.closeEditor()
    const words = text.trim()
    if (words !== '' || message.attachments.length > 0) act(this, { type: 'resend', id: message.id, text: words })
  }

  private actions(message: Message) {
    return html`<div class="actions">
      ${
        this.last && !this.busy
          ? html`<button class="plain" @click=${() => act(this, { type: 'regenerate', id: message.id })}>${icon('again')} Ask again</button>`
          : null
      }
      <branch-switch .branches=${this.branches}></branch-switch>
      <copy-button .text=${message.text}></copy-button>
      ${
        message.role === 'user'
          ? html`<button class="icon" aria-label="Edit question" title="Edit question" ?disabled=${this.busy} @click=${() => this.edit()}>
              ${icon('write')}
            </button>`
          : null
      }
    </div>`
  }

  protected override render() {
    const { message } = this
    if (!message) return null
    if (this.editing) {
      return html`<message-editor
        .text=${message.text}
        label="Edit question"
        yes="Ask"
        @save=${(event: CustomEvent<string>) => this.save(message, event.detail)}
        @leave=${() => this.closeEditor()}
      ></message-editor>`
    }
    const who = message.role === 'tool' ? 'Result: ' : 'You asked: '
    return html`<file-chips .files=${message.attachments}></file-chips>
      ${message.text === '' ? null : html`<div class="question"><span class="visually-hidden">${who}</span>${message.text}</div>`}
      ${this.actions(message)}`
  }
}
customElements.define('question-turn', QuestionTurn)

declare global {
  interface HTMLElementTagNameMap {
    'question-turn': QuestionTurn
  }
}
