import { LitElement, css, html } from 'lit'
import type { WireError } from '../../../protocol/errors.ts'
import { exactPhrase, phraseError } from './error-phrase.ts'
import { sharedStyles } from './shared-styles.ts'

/**
 * An error in plain words with the next step, announced at once.
 *
 * @property error - what went wrong; null shows nothing
 * @property exact - shows what the error itself says, which tells more than its kind: which file, which host, which number
 */
export class ErrorNote extends LitElement {
  static override properties = { error: { attribute: false }, exact: { type: Boolean } }
  declare error: WireError | null
  declare exact: boolean

  static override styles = [
    sharedStyles,
    css`
      .note {
        padding: 0.75rem 1rem;
        border-radius: 10px;
        background: var(--bad-soft);
        border-left: 3px solid var(--bad);
        overflow-wrap: anywhere;
      }
      strong {
        font-weight: 600;
      }
    `,
  ]

  constructor() {
    super()
    this.error = null
    this.exact = false
  }

  protected override render() {
    const phrase = this.error ? (this.exact ? exactPhrase(this.error) : phraseError(this.error)) : null
    // The region is there before its text, else screen readers miss it.
    return html`<div role="alert">
      ${
        phrase
          ? html`<div class="note small">
              <strong>${phrase.title}</strong> ${phrase.advice} ${phrase.wantsDevices ? html`<a href="/contribute">Lend a device</a>` : null}
            </div>`
          : null
      }
    </div>`
  }
}
customElements.define('error-note', ErrorNote)

declare global {
  interface HTMLElementTagNameMap {
    'error-note': ErrorNote
  }
}
