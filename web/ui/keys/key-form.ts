import { LitElement, css, html } from 'lit'
import { SCOPES, type Scope } from '../../../protocol/access.ts'
import type { InviteWanted, KeyWanted } from '../../engine/access-client.ts'
import { buttonStyles, fieldStyles, sharedStyles } from '../parts/shared-styles.ts'

const SPANS = [
  ['1d', 'a day'],
  ['7d', 'a week'],
  ['30d', 'a month'],
  ['52w', 'a year'],
  ['never', 'never'],
] as const
const SCOPE_WORDS: Readonly<Record<Scope, string>> = {
  inference: 'ask models',
  cluster: 'see and change the cluster and its models',
  metrics: 'read metrics',
  access: 'make and revoke keys',
}

/**
 * What a new key or invitation is to be.
 *
 * @property kind - `key` or `invite`
 * @property busy - the server is making it
 * @fires {CustomEvent<KeyWanted>} make-key
 * @fires {CustomEvent<InviteWanted>} invite
 */
export class KeyForm extends LitElement {
  static override properties = { kind: {}, busy: { type: Boolean } }
  declare kind: 'key' | 'invite'
  declare busy: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    css`
      form {
        display: grid;
        gap: 0.8rem;
        margin-top: 0.9rem;
      }
      .pair {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 9rem), 1fr));
        gap: 0.8rem;
      }
      fieldset {
        display: grid;
        gap: 0.3rem;
        margin: 0;
        padding: 0;
        border: 0;
      }
      legend {
        padding: 0;
      }
      .check {
        display: flex;
        gap: 0.5rem;
        align-items: center;
        min-height: 1.8rem;
        font-weight: 450;
      }
      .check input {
        width: 1.1rem;
        height: 1.1rem;
        accent-color: var(--accent);
      }
    `,
  ]

  constructor() {
    super()
    this.kind = 'key'
    this.busy = false
  }

  private readonly submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const form = event.target
    if (!(form instanceof HTMLFormElement)) return
    const fields = new FormData(form)
    const text = (name: string): string => String(fields.get(name) ?? '').trim()
    const limit = (name: string): number | null => (text(name) === '' ? null : Number(text(name)))
    const wanted: InviteWanted = { name: text('name'), expires: text('expires') }
    if (this.kind === 'invite') this.dispatchEvent(new CustomEvent<InviteWanted>('invite', { detail: wanted }))
    else {
      const limits = { requestsPerMinute: limit('requests'), tokensPerMinute: limit('tokens') }
      const detail: KeyWanted = { ...wanted, scopes: fields.getAll('scopes').map(String), limits }
      this.dispatchEvent(new CustomEvent<KeyWanted>('make-key', { detail }))
    }
    form.reset()
  }

  private forKeys() {
    return html`<fieldset>
        <legend class="label">It may</legend>
        ${SCOPES.map(
          (scope) =>
            html`<label class="check"
              ><input type="checkbox" name="scopes" value=${scope} ?checked=${scope === 'inference'} />${SCOPE_WORDS[scope]}</label
            >`,
        )}
      </fieldset>
      <div class="pair">
        <div>
          <label for="requests">Requests a minute</label>
          <input id="requests" name="requests" type="number" min="1" placeholder="no limit" />
        </div>
        <div>
          <label for="tokens">Tokens a minute</label>
          <input id="tokens" name="tokens" type="number" min="1" placeholder="no limit" />
        </div>
      </div>`
  }

  protected override render() {
    const isKey = this.kind === 'key'
    const usual = isKey ? 'never' : '7d'
    return html`<section class="card" aria-labelledby="title">
      <h2 id="title">${isKey ? 'New key' : 'Invite a device'}</h2>
      <p class="small muted">${isKey ? 'For a program that asks through the API.' : 'A link for a phone, laptop or person, to lend and to chat.'}</p>
      <form @submit=${this.submit}>
        <div class="pair">
          <div>
            <label for="name">Name</label>
            <input
              id="name"
              name="name"
              type="text"
              required
              maxlength="64"
              autocomplete="off"
              placeholder=${isKey ? 'editor on my laptop' : 'Mum’s tablet'}
            />
          </div>
          <div>
            <label for="expires">Ends after</label>
            <select id="expires" name="expires">
              ${SPANS.map(([span, words]) => html`<option value=${span} ?selected=${span === usual}>${words}</option>`)}
            </select>
          </div>
        </div>
        ${isKey ? this.forKeys() : null}
        <div>
          <button class="primary" type="submit" ?disabled=${this.busy}>${isKey ? 'Make the key' : 'Make the link'}</button>
        </div>
      </form>
    </section>`
  }
}
customElements.define('key-form', KeyForm)

declare global {
  interface HTMLElementTagNameMap {
    'key-form': KeyForm
  }
}
