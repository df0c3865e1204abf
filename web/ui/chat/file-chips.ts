import { LitElement, css, html } from 'lit'
import type { Attachment } from '../../chat/chat-record.ts'
import { icon } from '../parts/icons.ts'
import { formatBytes } from '../parts/quantities.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'

/**
 * Files that go with a question. Each opens to its text.
 *
 * @property files - the files
 * @property removable - offers to take one away
 * @fires {CustomEvent<number>} remove-file - the index of one that should go
 */
export class FileChips extends LitElement {
  static override properties = { files: { attribute: false }, removable: { type: Boolean } }
  declare files: readonly Attachment[]
  declare removable: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2);
        list-style: none;
      }
      li {
        display: flex;
        align-items: flex-start;
        max-width: 100%;
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--surface);
        font-size: var(--text-m);
        text-align: left;
      }
      details {
        min-width: 0;
        padding: 0.25rem 0.6rem;
      }
      summary {
        display: flex;
        align-items: center;
        gap: 0.4rem;
        min-height: 1.75rem;
        cursor: pointer;
        list-style: none;
        overflow-wrap: anywhere;
      }
      pre {
        max-height: 14rem;
        margin: 0.25rem 0 0.4rem;
        overflow: auto;
        font: var(--text-s) / 1.5 var(--mono);
        white-space: pre-wrap;
      }
      svg {
        flex: none;
      }
    `,
  ]

  constructor() {
    super()
    this.files = []
    this.removable = false
  }

  protected override render() {
    if (this.files.length === 0) return null
    return html`<ul aria-label="Files">
      ${this.files.map(
        ({ name, text }, index) =>
          html`<li>
            <details>
              <summary>${icon('file')}<span>${name}</span><span class="muted">${formatBytes(new Blob([text]).size)}</span></summary>
              <pre tabindex="0">${text.length > 20_000 ? `${text.slice(0, 20_000)}…` : text}</pre>
            </details>
            ${
              this.removable
                ? html`<button
                    class="icon"
                    aria-label="Remove ${name}"
                    @click=${() => this.dispatchEvent(new CustomEvent<number>('remove-file', { detail: index }))}
                  >
                    ${icon('close')}
                  </button>`
                : null
            }
          </li>`,
      )}
    </ul>`
  }
}
customElements.define('file-chips', FileChips)

declare global {
  interface HTMLElementTagNameMap {
    'file-chips': FileChips
  }
}
