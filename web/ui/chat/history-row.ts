import { LitElement, css, html } from 'lit'
import type { Found } from '../../chat/chat-search.ts'
import '../parts/menu-button.ts'
import type { MenuItem } from '../parts/menu-button.ts'
import { buttonStyles, fieldStyles, sharedStyles } from '../parts/shared-styles.ts'

const ACTIONS: readonly MenuItem[] = [
  { id: 'rename', label: 'Rename', icon: 'write' },
  { id: 'markdown', label: 'Save as Markdown', icon: 'export' },
  { id: 'json', label: 'Save as JSON', icon: 'export' },
  { id: 'delete', label: 'Delete', icon: 'bin', isDanger: true },
]

/**
 * One chat in the list.
 *
 * @property found - the chat
 * @property current - it is open
 * @property running - an answer is being written in it
 * @fires open-chat - opens it
 * @fires {CustomEvent<string>} rename - its new title
 * @fires {CustomEvent<'json' | 'markdown'>} save-chat - saves it as a file
 * @fires delete-chat - deletes it
 */
export class HistoryRow extends LitElement {
  static override properties = {
    found: { attribute: false },
    current: { type: Boolean },
    running: { type: Boolean },
    renaming: { state: true },
  }
  declare found: Found | null
  declare current: boolean
  declare running: boolean
  declare private renaming: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    css`
      .row {
        display: flex;
        align-items: center;
        border-radius: var(--radius-m);
      }
      .row:hover,
      .row:focus-within {
        background: var(--sunken);
      }
      .current {
        background: var(--accent-soft);
      }
      .open {
        flex: 1;
        display: block;
        min-width: 0;
        min-height: 2.25rem;
        padding: 0.35rem 0.2rem 0.35rem 0.7rem;
        border: 0;
        background: none;
        color: var(--ink);
        font-size: var(--text-m);
        font-weight: 400;
        text-align: left;
      }
      .open:hover:not(:disabled) {
        background: none;
      }
      .current .open {
        font-weight: var(--weight-medium);
      }
      .title,
      .excerpt {
        display: block;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .excerpt {
        color: var(--muted);
        font-size: var(--text-s);
      }
      .dot {
        display: inline-block;
        width: 0.5rem;
        height: 0.5rem;
        margin-right: 0.4rem;
        border-radius: 50%;
        background: var(--good);
      }
      input {
        min-height: 2.25rem;
      }
      menu-button {
        opacity: 0;
      }
      .row:hover menu-button,
      .row:focus-within menu-button,
      .current menu-button {
        opacity: 1;
      }
      @media (hover: none) {
        menu-button {
          opacity: 1;
        }
      }
    `,
  ]

  constructor() {
    super()
    this.found = null
    this.current = false
    this.running = false
    this.renaming = false
  }

  private tell(type: string, detail?: string): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }

  private readonly onPick = (event: CustomEvent<string>): void => {
    if (event.detail === 'rename') this.renaming = true
    else if (event.detail === 'delete') this.tell('delete-chat')
    else this.tell('save-chat', event.detail)
  }

  private rename(title: string | null): void {
    if (!this.renaming) return
    this.renaming = false
    if (title !== null && title.trim() !== '' && title.trim() !== this.found?.title) this.tell('rename', title.trim())
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (!(event.target instanceof HTMLInputElement) || event.isComposing) return
    if (event.key === 'Enter') this.rename(event.target.value)
    if (event.key === 'Escape') this.rename(null)
    if (event.key === 'Enter' || event.key === 'Escape') event.stopPropagation()
  }

  protected override updated(changed: Map<string, unknown>): void {
    if (changed.has('renaming') && this.renaming) this.renderRoot.querySelector('input')?.select()
  }

  protected override render() {
    const { found } = this
    if (!found) return null
    if (this.renaming) {
      return html`<input
        type="text"
        aria-label="Title"
        maxlength="500"
        .value=${found.title}
        @keydown=${this.onKey}
        @blur=${(event: FocusEvent) => this.rename(event.target instanceof HTMLInputElement ? event.target.value : null)}
      />`
    }
    return html`<div class="row ${this.current ? 'current' : ''}">
      <button class="open" aria-current=${this.current ? 'true' : 'false'} title=${found.title} @click=${() => this.tell('open-chat')}>
        <span class="title"
          >${this.running ? html`<span class="dot"></span><span class="visually-hidden">Being answered: </span>` : null}${found.title}</span
        >
        ${found.excerpt === null ? null : html`<span class="excerpt">${found.excerpt}</span>`}
      </button>
      <menu-button label="Actions for ${found.title}" symbol="more" .items=${ACTIONS} @pick=${this.onPick}></menu-button>
    </div>`
  }
}
customElements.define('history-row', HistoryRow)

declare global {
  interface HTMLElementTagNameMap {
    'history-row': HistoryRow
  }
}
