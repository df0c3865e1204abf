import { LitElement, css, html } from 'lit'
import { sharedStyles } from '../parts/shared-styles.ts'

/** Who sees what, in both directions, before somebody lends a device. */
export class PrivacyCard extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      p {
        margin-top: 0.6rem;
      }
    `,
  ]

  protected override render() {
    return html`<section class="card small" aria-labelledby="privacy">
      <h2 id="privacy">Who sees what</h2>
      <p>
        <strong>On your side:</strong> no code of other people runs here, only this page’s own. It has no access to your files, and the layers it gets
        fit into the memory you lend.
      </p>
      <p>
        <strong>On theirs:</strong> your device computes parts of other people’s chats, and its owner could rebuild their words from what passes
        through. In the same way other devices of a ring could read yours.
      </p>
      <p>
        What passes through the middle of a model are numbers, not words, and yet the words can be computed from them. Ask a ring only what you would
        tell everybody who lends a device to it.
      </p>
      <p>Devices of a ring connect to each other directly, so they can see each other’s network address.</p>
    </section>`
  }
}
customElements.define('privacy-card', PrivacyCard)

declare global {
  interface HTMLElementTagNameMap {
    'privacy-card': PrivacyCard
  }
}
