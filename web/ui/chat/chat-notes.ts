import { LitElement, css, html } from 'lit'
import type { WireError } from '../../../protocol/errors.ts'
import '../parts/error-note.ts'
import { icon } from '../parts/icons.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'

/**
 * What a person should know just above the input, and why something did not happen.
 *
 * @property notes - sentences, each of which can be put away
 * @property error - why the last question got no whole answer
 * @property fileError - why a file of chats was not taken in
 * @fires {CustomEvent<string>} dismiss - one of the sentences was read
 */
export class ChatNotes extends LitElement {
  static override properties = { notes: { attribute: false }, error: { attribute: false }, fileError: { attribute: false } }
  declare notes: readonly string[]
  declare error: WireError | null
  declare fileError: WireError | null

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      .notes {
        display: grid;
        gap: 0.4rem;
      }
      .note {
        display: flex;
        align-items: flex-start;
        justify-content: space-between;
        gap: var(--space-2);
        margin-bottom: 0.5rem;
        padding: 0.55rem 0.6rem 0.55rem 0.9rem;
        border-radius: var(--radius-m);
        background: var(--warn-soft);
        overflow-wrap: anywhere;
      }
      button.icon {
        width: 1.75rem;
        min-height: 1.75rem;
      }
      error-note {
        margin-bottom: 0.5rem;
      }
    `,
  ]

  constructor() {
    super()
    this.notes = []
    this.error = null
    this.fileError = null
  }

  protected override render() {
    const dismiss = (note: string) => () => this.dispatchEvent(new CustomEvent<string>('dismiss', { detail: note }))
    // The regions are there before their texts, else screen readers miss them.
    return html`<div class="notes" role="status">
        ${this.notes.map(
          (note) =>
            html`<div class="note small">
              <span>${note}</span><button class="icon" aria-label="Dismiss" @click=${dismiss(note)}>${icon('close')}</button>
            </div>`,
        )}
      </div>
      <error-note .error=${this.error}></error-note>
      <error-note exact .error=${this.fileError}></error-note>`
  }
}
customElements.define('chat-notes', ChatNotes)

declare global {
  interface HTMLElementTagNameMap {
    'chat-notes': ChatNotes
  }
}
