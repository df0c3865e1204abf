import { LitElement, html } from 'lit'
import { copyText } from '../parts/copy-text.ts'
import { icon } from '../parts/icons.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'

const COPIED_MS = 1600

/**
 * Copies a text, and says for a moment that it did.
 *
 * @property text - what is copied
 */
export class CopyButton extends LitElement {
  static override properties = { text: {}, state: { state: true } }
  declare text: string
  declare private state: 'ready' | 'copied' | 'refused'

  static override styles = [sharedStyles, buttonStyles]

  constructor() {
    super()
    this.text = ''
    this.state = 'ready'
  }

  /** Copies it, as a click does. */
  async copy(): Promise<void> {
    this.state = (await copyText(this.text)) ? 'copied' : 'refused'
    setTimeout(() => (this.state = 'ready'), COPIED_MS)
  }

  protected override render() {
    const label = { ready: 'Copy', copied: 'Copied', refused: 'The browser does not let this page copy' }[this.state]
    return html`<button class="icon" aria-label=${label} title=${label} @click=${() => void this.copy()}>
      ${icon(this.state === 'copied' ? 'check' : 'copy')}
    </button>`
  }
}
customElements.define('copy-button', CopyButton)

declare global {
  interface HTMLElementTagNameMap {
    'copy-button': CopyButton
  }
}
