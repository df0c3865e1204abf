import { LitElement, css, html } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { toClusterError, toWireError, type WireError } from '../../../protocol/errors.ts'
import type { AccessClient, InviteWanted, KeyWanted, MadeEntry, ShownEntry } from '../../engine/access-client.ts'
import { copyText } from '../parts/copy-text.ts'
import '../parts/error-note.ts'
import '../parts/join-card.ts'
import './key-form.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })

function termsOf({ scopes, limits, expires, expired }: ShownEntry): string {
  const { requestsPerMinute: requests, tokensPerMinute: tokens } = limits
  return [
    scopes.length > 0 ? scopes.join(', ') : 'joins and chats',
    ...(requests === null ? [] : [`${requests.toLocaleString()} requests a minute`]),
    ...(tokens === null ? [] : [`${tokens.toLocaleString()} tokens a minute`]),
    expires === null ? 'does not expire' : `${expired ? 'expired' : 'until'} ${DATE.format(new Date(expires))}`,
  ].join(' · ')
}

/**
 * Keys for programs and invitations for devices: made, listed, revoked.
 *
 * @property client - asks the server
 */
export class KeysPage extends LitElement {
  static override properties = {
    client: { attribute: false },
    entries: { state: true },
    made: { state: true },
    error: { state: true },
    busy: { state: true },
    copied: { state: true },
  }
  declare client: AccessClient | null
  /** Null until the server has answered. */
  declare private entries: readonly ShownEntry[] | null
  declare private made: MadeEntry | null
  declare private error: WireError | null
  declare private busy: boolean
  declare private copied: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      .stack {
        display: grid;
        gap: 1.25rem;
        margin-top: 1.75rem;
      }
      .columns {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
        gap: 1.25rem;
        align-items: start;
      }
      code {
        display: block;
        margin: 0.6rem 0;
        padding: 0.45rem 0.7rem;
        border-radius: 8px;
        background: var(--sunken);
        font: 0.86rem/1.5 var(--mono);
        overflow-wrap: anywhere;
        user-select: all;
      }
      error-note,
      [role='status'] > * {
        display: block;
        margin-top: 1.25rem;
      }
      ul {
        margin-top: 0.6rem;
        list-style: none;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        gap: 0.4rem 1rem;
        align-items: center;
        justify-content: space-between;
        padding: 0.7rem 0;
        border-top: 1px solid var(--line);
      }
      li > div {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      li strong {
        font-weight: 570;
      }
      /* Wrapped below what it belongs to, its text stands at the same edge. */
      li > button {
        margin-left: -0.55rem;
      }
      .gone {
        color: var(--muted);
      }
    `,
  ]

  constructor() {
    super()
    this.client = null
    this.entries = null
    this.made = null
    this.error = null
    this.busy = false
    this.copied = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.attempt(async () => undefined)
  }

  /** Does what was asked, then lists anew; a failure is told, and what is shown stays. */
  private async attempt(work: (client: AccessClient) => Promise<unknown>): Promise<void> {
    const { client } = this
    if (!client || this.busy) return
    this.busy = true
    this.error = null
    try {
      await work(client)
      this.entries = await client.list()
    } catch (thrown) {
      this.error = toWireError(toClusterError(thrown))
    } finally {
      this.busy = false
    }
  }

  private make(work: (client: AccessClient) => Promise<MadeEntry>): void {
    void this.attempt(async (client) => {
      this.made = await work(client)
      // The first key closes the server: from here on this page needs it too, and a reload finds it in the address.
      if (this.made.kind === 'key' && this.entries?.length === 0)
        this.dispatchEvent(new CustomEvent<string>('first-key', { detail: this.made.secret }))
    })
  }

  private async copy(text: string): Promise<void> {
    this.copied = await copyText(text)
    if (this.copied) setTimeout(() => (this.copied = false), 1600)
  }

  private shown({ kind, name, secret, path }: MadeEntry) {
    if (kind === 'invite') return html`<join-card .url=${new URL(path ?? '', location.origin).href}></join-card>`
    return html`<section class="card" aria-labelledby="made">
      <h2 id="made">The key “${name}”</h2>
      <p class="small muted">It is shown this once. Keep it like a password.</p>
      <code>${secret}</code>
      <button @click=${() => void this.copy(secret)}>${this.copied ? 'Copied' : 'Copy key'}</button>
    </section>`
  }

  private list(kind: ShownEntry['kind'], title: string) {
    const entries = (this.entries ?? []).filter((entry) => entry.kind === kind)
    if (entries.length === 0) return null
    return html`<section class="card" aria-labelledby=${kind}>
      <h2 id=${kind}>${title}</h2>
      <ul>
        ${repeat(
          entries,
          ({ id }) => id,
          (entry) =>
            html`<li>
              <div class=${entry.expired ? 'gone' : ''}>
                <strong>${entry.name}</strong>
                <p class="small muted">${termsOf(entry)}</p>
              </div>
              <button class="plain" aria-label="Revoke ${entry.name}" @click=${() => void this.attempt((client) => client.revoke(entry))}>
                Revoke
              </button>
            </li>`,
        )}
      </ul>
    </section>`
  }

  protected override render() {
    const isOpen = this.entries?.length === 0
    return html`<div class="page">
      <h1>Keys and invitations</h1>
      <p class="lead">
        A key lets a program ask. An invitation lets a device join.
        ${isOpen ? 'There are none: whoever reaches this server may do both. The first key closes it, and opens everything itself.' : null}
      </p>
      <error-note exact .error=${this.error}></error-note>
      <div role="status">${this.made ? this.shown(this.made) : null}</div>
      <div class="stack">
        <div class="columns">
          <key-form
            kind="key"
            .busy=${this.busy}
            @make-key=${(event: CustomEvent<KeyWanted>) => this.make((client) => client.makeKey(event.detail))}
          ></key-form>
          <key-form
            kind="invite"
            .busy=${this.busy}
            @invite=${(event: CustomEvent<InviteWanted>) => this.make((client) => client.invite(event.detail))}
          ></key-form>
        </div>
        ${this.list('key', 'Keys')} ${this.list('invite', 'Invitations')}
      </div>
    </div>`
  }
}
customElements.define('keys-page', KeysPage)

declare global {
  interface HTMLElementTagNameMap {
    'keys-page': KeysPage
  }
}
