import { LitElement, css, html } from 'lit'
import { buttonStyles, sharedStyles } from './shared-styles.ts'

export type Draft = { readonly text: string }

/**
 * Where a question is written. Enter sends, Shift+Enter breaks the line, Esc stops.
 *
 * @property draft - text in the field
 * @property running - an answer is being written: the button stops it
 * @fires {CustomEvent<Draft>} draft-change - the text was edited
 * @fires send - asks with the draft
 * @fires stop - ends the running answer
 */
export class ChatComposer extends LitElement {
  static override properties = { draft: {}, running: { type: Boolean } }
  declare draft: string
  declare running: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      .box {
        display: flex;
        align-items: flex-end;
        gap: 0.5rem;
        padding: 0.5rem 0.5rem 0.5rem 1.1rem;
        border: 1px solid color-mix(in oklab, var(--line), var(--muted) 25%);
        border-radius: 22px;
        background: var(--surface);
        box-shadow: var(--shadow);
      }
      .box:focus-within {
        border-color: var(--accent);
        box-shadow: 0 0 0 3px color-mix(in oklab, var(--accent) 16%, transparent);
      }
      textarea {
        flex: 1;
        min-width: 0;
        min-height: 1.6em;
        max-height: 40vh;
        padding: 0.35rem 0;
        border: 0;
        background: none;
        color: inherit;
        font: inherit;
        resize: none;
        field-sizing: content;
      }
      textarea:focus {
        outline: none;
      }
      textarea::placeholder {
        color: var(--muted);
        opacity: 1;
      }
      button {
        flex: none;
        width: 2.5rem;
        padding: 0;
        border-radius: 50%;
      }
      svg {
        width: 1.15rem;
        height: 1.15rem;
      }
    `,
  ]

  constructor() {
    super()
    this.draft = ''
    this.running = false
  }

  /** Puts the cursor into the field. */
  override focus(): void {
    this.renderRoot.querySelector('textarea')?.focus()
  }

  private readonly onInput = (event: InputEvent): void => {
    if (!(event.target instanceof HTMLTextAreaElement)) return
    this.dispatchEvent(new CustomEvent<Draft>('draft-change', { detail: { text: event.target.value } }))
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    // While an input method composes, Enter chooses its suggestion.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    if (!this.running) this.dispatchEvent(new CustomEvent('send'))
  }

  private button() {
    if (this.running) {
      return html`<button class="primary" @click=${() => this.dispatchEvent(new CustomEvent('stop'))} aria-label="Stop" title="Stop (Esc)">
        <svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true"><rect x="6" y="6" width="12" height="12" rx="2.5"></rect></svg>
      </button>`
    }
    return html`<button
      class="primary"
      @click=${() => this.dispatchEvent(new CustomEvent('send'))}
      ?disabled=${this.draft.trim() === ''}
      aria-label="Send"
      title="Send (Enter)"
    >
      <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
        <path d="M12 19V5M6 11l6-6 6 6"></path>
      </svg>
    </button>`
  }

  protected override render() {
    return html`<div class="box">
      <textarea
        rows="1"
        aria-label="Your question"
        placeholder="Ask the ring…"
        enterkeyhint="send"
        .value=${this.draft}
        @input=${this.onInput}
        @keydown=${this.onKey}
      ></textarea>
      ${this.button()}
    </div>`
  }
}
customElements.define('chat-composer', ChatComposer)

declare global {
  interface HTMLElementTagNameMap {
    'chat-composer': ChatComposer
  }
}
