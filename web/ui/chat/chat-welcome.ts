import { LitElement, css, html } from 'lit'
import '../parts/ring-mark.ts'
import type { RingSegment } from '../parts/ring-mark.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'

const SUGGESTIONS = ['Who are you?', 'How does the ring work?', 'Why is the sky blue?', 'Tell me a short story about a fox.']

/**
 * What stands in place of a conversation before the first question: also who could read along.
 *
 * @property segments - the ring that would answer
 * @property readers - who could read this chat, in a sentence, or null
 * @property temporary - nothing of this chat is kept
 * @fires {CustomEvent<string>} suggest - a suggested question was chosen
 */
export class ChatWelcome extends LitElement {
  static override properties = { segments: { attribute: false }, readers: {}, temporary: { type: Boolean } }
  declare segments: readonly RingSegment[]
  declare readers: string | null
  declare temporary: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      :host {
        padding: var(--space-6) 0 var(--space-7);
        text-align: center;
      }
      ring-mark {
        width: 4.5rem;
        height: 4.5rem;
        margin-bottom: 1.25rem;
      }
      .lead,
      .readers {
        margin-inline: auto;
      }
      .readers {
        max-width: 34rem;
        min-height: 1.5em;
        margin-top: var(--space-5);
        overflow-wrap: anywhere;
        text-wrap: balance;
      }
      .suggestions {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: var(--space-2);
        margin-top: 1.6rem;
      }
      button {
        min-height: 2.3rem;
        border-radius: var(--radius-full);
        font-weight: 480;
      }
      @media (max-width: 40rem) {
        :host {
          padding: 1rem 0 1.5rem;
        }
        ring-mark {
          width: 3.5rem;
          height: 3.5rem;
          margin-bottom: 0.75rem;
        }
        button:last-child {
          display: none;
        }
      }
    `,
  ]

  constructor() {
    super()
    this.segments = []
    this.readers = null
    this.temporary = false
  }

  protected override render() {
    const suggest = (text: string) => () => this.dispatchEvent(new CustomEvent('suggest', { detail: text }))
    return html`
      <ring-mark .segments=${this.segments}></ring-mark>
      <h1>${this.temporary ? 'Ask, and leave no trace' : 'Ask the ring'}</h1>
      <p class="lead">
        ${
          this.temporary
            ? 'This chat is not kept in the browser. It is gone when the page is closed or another chat is opened.'
            : 'The answer is computed by browser tabs, each holding a part of the model.'
        }
      </p>
      <div class="suggestions">${SUGGESTIONS.map((text) => html`<button @click=${suggest(text)}>${text}</button>`)}</div>
      <p class="readers muted small">${this.readers}</p>
    `
  }
}
customElements.define('chat-welcome', ChatWelcome)

declare global {
  interface HTMLElementTagNameMap {
    'chat-welcome': ChatWelcome
  }
}
