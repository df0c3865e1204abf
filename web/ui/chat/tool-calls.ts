import { LitElement, css, html } from 'lit'
import type { ToolCall } from '../../chat/chat-record.ts'
import { buttonStyles, fieldStyles, sharedStyles } from '../parts/shared-styles.ts'

/** Arguments with line ends and spaces, where they are JSON already. */
function laidOut(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    // Still being written, or no JSON at all.
    return text
  }
}

/**
 * Functions that the model asks to have called. Nothing here calls them: a person gives the result.
 *
 * @property calls - the calls
 * @property answered - ids of calls that have their result
 * @property running - the answer is being written
 * @fires {CustomEvent<{ call: string, text: string }>} result - what a call returned
 */
export class ToolCalls extends LitElement {
  static override properties = { calls: { attribute: false }, answered: { attribute: false }, running: { type: Boolean } }
  declare calls: readonly ToolCall[]
  declare answered: ReadonlySet<string>
  declare running: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    css`
      section {
        margin-top: var(--space-3);
        padding: 0.6rem 0.9rem;
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--surface);
      }
      pre {
        margin: 0.4rem 0 0;
        overflow-x: auto;
        font: var(--text-s) / 1.5 var(--mono);
      }
      code {
        font-family: var(--mono);
      }
      form {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: var(--space-2);
        margin-top: var(--space-3);
      }
      label {
        flex: 1 1 14rem;
        font-size: var(--text-m);
      }
      textarea {
        min-height: 2.5rem;
        field-sizing: content;
      }
    `,
  ]

  constructor() {
    super()
    this.calls = []
    this.answered = new Set()
    this.running = false
  }

  private give(event: SubmitEvent, call: string): void {
    event.preventDefault()
    if (!(event.target instanceof HTMLFormElement)) return
    const text = new FormData(event.target).get('result')
    if (typeof text === 'string') this.dispatchEvent(new CustomEvent('result', { detail: { call, text } }))
  }

  protected override render() {
    return this.calls.map(
      ({ id, name, arguments: text }) =>
        html`<section aria-label="Call of ${name}">
          <p class="small"><span class="muted">Asks to call</span> <code>${name}</code></p>
          <pre tabindex="0">${laidOut(text)}</pre>
          ${
            this.running || this.answered.has(id)
              ? null
              : html`<form @submit=${(event: SubmitEvent) => this.give(event, id)}>
                  <label>Its result <textarea name="result" rows="1" required></textarea></label>
                  <button>Give result</button>
                </form>`
          }
        </section>`,
    )
  }
}
customElements.define('tool-calls', ToolCalls)

declare global {
  interface HTMLElementTagNameMap {
    'tool-calls': ToolCalls
  }
}
