import { LitElement, css, html } from 'lit'
import { FIELD_KEYS, isMacLike, keysOf, SHORTCUTS } from '../../chat/shortcuts.ts'
import { buttonStyles, floatStyles, sharedStyles } from '../parts/shared-styles.ts'

/** Lists what the keyboard can do. `show` opens it. */
export class ShortcutsDialog extends LitElement {
  static override styles = [
    sharedStyles,
    buttonStyles,
    floatStyles,
    css`
      table {
        width: 100%;
        margin-top: var(--space-3);
        border-collapse: collapse;
      }
      th,
      td {
        padding: 0.4rem 0;
        border-bottom: 1px solid var(--line);
        font-weight: 400;
        text-align: left;
      }
      td {
        padding-left: var(--space-4);
        text-align: right;
        white-space: nowrap;
      }
      kbd {
        display: inline-block;
        min-width: 1.6em;
        margin-left: 0.2rem;
        padding: 0 0.4em;
        border: 1px solid var(--line);
        border-radius: var(--radius-s);
        background: var(--sunken);
        font: var(--text-s) / 1.7 var(--sans);
        text-align: center;
      }
      .actions {
        margin-top: var(--space-4);
        text-align: right;
      }
    `,
  ]

  /** Opens it. */
  show(): void {
    this.renderRoot.querySelector('dialog')?.showModal()
  }

  protected override render() {
    const isMac = isMacLike(navigator.userAgent)
    const named = (key: string): string => (key === 'Mod' ? (isMac ? '⌘' : 'Ctrl') : key)
    const rows = [
      ...SHORTCUTS.map((one) => ({ label: one.label, keys: keysOf(one, isMac) })),
      ...FIELD_KEYS.map(({ label, keys }) => ({ label, keys: keys.map(named) })),
    ]
    return html`<dialog aria-labelledby="title">
      <h2 id="title">Keyboard</h2>
      <table>
        <tbody>
          ${rows.map(
            ({ label, keys }) =>
              html`<tr>
                <th scope="row">${label}</th>
                <td>${keys.map((key) => html`<kbd>${key}</kbd>`)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
      <div class="actions"><button autofocus @click=${() => this.renderRoot.querySelector('dialog')?.close()}>Close</button></div>
    </dialog>`
  }
}
customElements.define('shortcuts-dialog', ShortcutsDialog)

declare global {
  interface HTMLElementTagNameMap {
    'shortcuts-dialog': ShortcutsDialog
  }
}
