import { LitElement, css, html } from 'lit'
import './ring-mark.ts'
import type { RingSegment } from './ring-mark.ts'
import { buttonStyles, sharedStyles } from './shared-styles.ts'

const SUGGESTIONS = ['Who are you?', 'How does the ring work?', 'Why is the sky blue?', 'Tell me a short story about a fox.']

/**
 * What stands in place of a conversation before the first question.
 *
 * @property segments - the ring that would answer
 * @fires {CustomEvent<string>} suggest - a suggested question was chosen
 */
export class ChatWelcome extends LitElement {
  static override properties = { segments: { attribute: false } }
  declare segments: readonly RingSegment[]

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      :host {
        padding: 2rem 0 3rem;
        text-align: center;
      }
      ring-mark {
        width: 4.5rem;
        height: 4.5rem;
        margin-bottom: 1.25rem;
      }
      .lead {
        margin-inline: auto;
      }
      .suggestions {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: 0.5rem;
        margin-top: 1.6rem;
      }
      button {
        min-height: 2.3rem;
        border-radius: 999px;
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
  }

  protected override render() {
    const suggest = (text: string) => () => this.dispatchEvent(new CustomEvent('suggest', { detail: text }))
    return html`
      <ring-mark .segments=${this.segments}></ring-mark>
      <h1>Ask the ring</h1>
      <p class="lead">The answer is computed by browser tabs, each holding a part of the model.</p>
      <div class="suggestions">${SUGGESTIONS.map((text) => html`<button @click=${suggest(text)}>${text}</button>`)}</div>
    `
  }
}
customElements.define('chat-welcome', ChatWelcome)

declare global {
  interface HTMLElementTagNameMap {
    'chat-welcome': ChatWelcome
  }
}
