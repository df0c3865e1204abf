import { LitElement, css, html } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { ageGroup, searchChats, type ChatHead, type Found } from '../../chat/chat-search.ts'
import { icon } from '../parts/icons.ts'
import '../parts/menu-button.ts'
import type { MenuItem } from '../parts/menu-button.ts'
import { buttonStyles, fieldStyles, sharedStyles } from '../parts/shared-styles.ts'
import './history-row.ts'

const ACTIONS: readonly MenuItem[] = [
  { id: 'import', label: 'Open a file of chats', icon: 'import' },
  { id: 'json', label: 'Save all as JSON', icon: 'export' },
  { id: 'markdown', label: 'Save all as Markdown', icon: 'export' },
  { id: 'delete', label: 'Delete all chats', icon: 'bin', isDanger: true },
]
/** Rows drawn at first, and again at each end of the list. */
const PAGE = 60

/** What a person does with the list of chats; `id` null: with all of them. */
export type HistoryAction =
  | { readonly type: 'new' | 'import' }
  | { readonly type: 'open'; readonly id: string }
  | { readonly type: 'rename'; readonly id: string; readonly title: string }
  | { readonly type: 'save'; readonly id: string | null; readonly as: 'json' | 'markdown' }
  | { readonly type: 'delete'; readonly id: string | null }

/**
 * The chats of this browser, newest first, with search.
 *
 * @property heads - the chats
 * @property current - id of the one that is open
 * @property running - ids of those in which an answer is being written
 * @property lasting - whether the browser keeps them
 * @fires {CustomEvent<HistoryAction>} history-action
 */
export class ChatHistory extends LitElement {
  static override properties = {
    heads: { attribute: false },
    current: {},
    running: { attribute: false },
    lasting: { type: Boolean },
    query: { state: true },
    shown: { state: true },
  }
  declare heads: readonly ChatHead[]
  declare current: string
  declare running: ReadonlySet<string>
  declare lasting: boolean
  declare private query: string
  declare private shown: number

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      .top {
        display: flex;
        gap: var(--space-1);
        align-items: center;
        padding-bottom: var(--space-2);
      }
      .new {
        flex: 1;
        justify-content: flex-start;
      }
      .list {
        flex: 1;
        min-height: 0;
        margin: var(--space-2) -0.35rem 0;
        padding: 0 0.35rem var(--space-4);
        overflow-y: auto;
        overscroll-behavior: contain;
        scrollbar-width: thin;
      }
      ul {
        list-style: none;
      }
      .group {
        padding: 0.9rem 0.7rem 0.25rem;
        color: var(--muted);
        font-size: var(--text-s);
        font-weight: var(--weight-medium);
      }
      .empty {
        padding: 0.9rem 0.7rem;
      }
      .more {
        width: 100%;
      }
      input[type='search'] {
        min-height: 2.35rem;
        font-size: var(--text-m);
      }
    `,
  ]

  constructor() {
    super()
    this.heads = []
    this.current = ''
    this.running = new Set()
    this.lasting = true
    this.query = ''
    this.shown = PAGE
  }

  /** Puts the cursor into the search field. */
  focusSearch(): void {
    this.renderRoot.querySelector<HTMLInputElement>('input[type=search]')?.select()
    this.renderRoot.querySelector<HTMLInputElement>('input[type=search]')?.focus()
  }

  private tell(detail: HistoryAction): void {
    this.dispatchEvent(new CustomEvent<HistoryAction>('history-action', { detail }))
  }

  private readonly onPick = (event: CustomEvent<string>): void => {
    const { detail } = event
    if (detail === 'import') this.tell({ type: 'import' })
    else if (detail === 'delete') this.tell({ type: 'delete', id: null })
    else this.tell({ type: 'save', id: null, as: detail === 'json' ? 'json' : 'markdown' })
  }

  private row(found: Found) {
    const { id } = found
    return html`<li>
      <history-row
        .found=${found}
        ?current=${id === this.current}
        ?running=${this.running.has(id)}
        @open-chat=${() => this.tell({ type: 'open', id })}
        @rename=${(event: CustomEvent<string>) => this.tell({ type: 'rename', id, title: event.detail })}
        @save-chat=${(event: CustomEvent<'json' | 'markdown'>) => this.tell({ type: 'save', id, as: event.detail })}
        @delete-chat=${() => this.tell({ type: 'delete', id })}
      ></history-row>
    </li>`
  }

  private groups(found: readonly Found[]) {
    if (this.query.trim() !== '') return [{ name: found.length === 0 ? '' : 'Found', rows: found }]
    const now = new Date()
    const groups = new Map<string, Found[]>()
    for (const one of found) groups.set(ageGroup(one.updated, now), [...(groups.get(ageGroup(one.updated, now)) ?? []), one])
    return [...groups].map(([name, rows]) => ({ name, rows }))
  }

  protected override render() {
    const found = searchChats(this.heads, this.query)
    const groups = this.groups(found.slice(0, this.shown))
    return html`<div class="top">
        <button class="new" @click=${() => this.tell({ type: 'new' })}>${icon('write')} New chat</button>
        <menu-button label="Actions for all chats" symbol="more" .items=${ACTIONS} @pick=${this.onPick}></menu-button>
      </div>
      <input
        type="search"
        aria-label="Search chats"
        placeholder="Search"
        autocomplete="off"
        .value=${this.query}
        @input=${(event: InputEvent) => {
          this.query = event.target instanceof HTMLInputElement ? event.target.value : ''
          this.shown = PAGE
        }}
      />
      <p class="visually-hidden" role="status">${this.query.trim() === '' ? '' : `${found.length} found`}</p>
      <div class="list" tabindex="-1">
        ${this.lasting ? null : html`<p class="empty muted small">This browser keeps nothing here, so chats last until the page is closed.</p>`}
        ${
          found.length === 0
            ? html`<p class="empty muted small">
                ${this.query.trim() === '' ? 'Your chats will be here. They stay in this browser.' : 'No chat has these words.'}
              </p>`
            : null
        }
        ${groups.map(
          ({ name, rows }) =>
            html`${name === '' ? null : html`<p class="group">${name}</p>`}
              <ul aria-label=${name === '' ? 'Chats' : name}>
                ${repeat(
                  rows,
                  ({ id }) => id,
                  (one) => this.row(one),
                )}
              </ul>`,
        )}
        ${
          found.length > this.shown
            ? html`<button class="plain more" @click=${() => (this.shown += PAGE)}>Show more (${found.length - this.shown})</button>`
            : null
        }
      </div>`
  }
}
customElements.define('chat-history', ChatHistory)

declare global {
  interface HTMLElementTagNameMap {
    'chat-history': ChatHistory
  }
}
