import { LitElement, css, html } from 'lit'
import type { ModelCard as Card } from '../../../protocol/catalog.ts'
import type { WireError } from '../../../protocol/errors.ts'
import '../parts/error-note.ts'
import './model-progress.ts'
import type { ModelAction, ModelState } from './model-state.ts'
import { factsLine, factsTable, fitWords, licenceWords } from './model-words.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'

export type AskedAction = Exclude<ModelAction, 'ask'>

const LABELS: Record<AskedAction, string> = { use: 'Use', download: 'Download only', stop: 'Stop', resume: 'Resume', retry: 'Try again' }
const TONES: Record<ModelState['kind'], string> = {
  absent: 'idle',
  waiting: 'working',
  loading: 'working',
  ready: 'ready',
  stored: 'ready',
  stopped: 'idle',
  failed: 'problem',
}

/** Lists are made anew again and again, mostly of the same: what reads the same is not drawn again. */
const told = { attribute: false, hasChanged: (next: unknown, before: unknown): boolean => JSON.stringify(next) !== JSON.stringify(before) }

/**
 * One model: what it is, whether it fits, where it stands, what can be done with it.
 *
 * @property card - facts and fit
 * @property state - where it stands on the cluster
 * @property failure - why the last thing asked of it did not happen
 * @fires {CustomEvent<AskedAction>} act - something was asked of the model
 * @fires remove - it is to be deleted, which has been confirmed
 */
export class ModelCard extends LitElement {
  static override properties = { card: told, state: told, failure: told, isAsking: { state: true } }
  declare card: Card | null
  declare state: ModelState | null
  declare failure: WireError | null
  /** The question whether to delete is open. */
  declare private isAsking: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      :host {
        height: 100%;
      }
      article {
        display: grid;
        grid-template-rows: auto auto 1fr auto;
        gap: 0.55rem;
        height: 100%;
      }
      h3 {
        font-size: 1.02rem;
        font-weight: 620;
        line-height: 1.35;
        overflow-wrap: anywhere;
      }
      code {
        font: 0.85em var(--mono);
        overflow-wrap: anywhere;
      }
      .body {
        display: grid;
        align-content: start;
        gap: 0.4rem;
      }
      .note {
        overflow-wrap: anywhere;
      }
      .fit.good {
        color: var(--good);
      }
      .fit.bad {
        color: var(--bad);
      }
      .state {
        font-weight: 560;
        overflow-wrap: anywhere;
      }
      .state::before {
        content: '';
        display: inline-block;
        width: 0.55rem;
        height: 0.55rem;
        margin-right: 0.5rem;
        border-radius: 50%;
        background: var(--muted);
      }
      .ready::before {
        background: var(--good);
      }
      .working::before {
        background: var(--warn);
      }
      .problem::before {
        background: var(--bad);
      }
      summary {
        width: fit-content;
        color: var(--muted);
        cursor: pointer;
      }
      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 0.15rem 1rem;
        margin-top: 0.4rem;
      }
      dt {
        color: var(--muted);
      }
      dd {
        overflow-wrap: anywhere;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.5rem;
        padding-top: 0.3rem;
      }
      .actions button,
      .actions .button {
        min-height: 2.2rem;
        padding: 0.25rem 0.85rem;
        font-size: 0.9rem;
      }
      .delete {
        margin-left: auto;
      }
      .question {
        flex: 1 1 100%;
      }
    `,
  ]

  constructor() {
    super()
    this.card = null
    this.state = null
    this.failure = null
    this.isAsking = false
  }

  private act(action: AskedAction): void {
    this.dispatchEvent(new CustomEvent<AskedAction>('act', { detail: action }))
  }

  private async ask(isAsking: boolean): Promise<void> {
    this.isAsking = isAsking
    await this.updateComplete
    this.renderRoot.querySelector<HTMLElement>(isAsking ? '.keep' : '.delete')?.focus()
  }

  private removal(card: Card) {
    if (!this.isAsking) return html`<button class="plain delete" aria-label="Delete ${card.name}" @click=${() => this.ask(true)}>Delete</button>`
    const what = card.isRemovable ? 'Delete it from every device and from the server?' : 'Delete it from every device?'
    const confirm = (): void => {
      this.isAsking = false
      this.dispatchEvent(new CustomEvent('remove'))
    }
    return html`<p class="question small" role="alert">${what}</p>
      <button @click=${confirm}>Delete it</button><button class="keep" @click=${() => this.ask(false)}>Keep it</button>`
  }

  private actions(card: Card, state: ModelState) {
    const canDelete = card.isRemovable || state.kind !== 'absent'
    // What cannot be read leads nowhere. What does not fit waits for memory, so lending some comes first.
    const wantsDevices = state.kind === 'absent' && card.fit !== null && card.fit.state !== 'fits'
    const actions = state.kind === 'absent' && card.error ? [] : state.actions.filter((action) => !(wantsDevices && action === 'download'))
    return html`<div class="actions">
      ${wantsDevices ? html`<a class="button primary" href="/contribute">Lend a device</a>` : null}
      ${actions.map((action, index) => {
        const look = index === 0 && !wantsDevices ? 'primary' : ''
        if (action === 'ask') return html`<a class="button ${look}" href="/?model=${encodeURIComponent(card.id)}">Ask in chat</a>`
        return html`<button class=${look} aria-label="${LABELS[action]}: ${card.name}" @click=${() => this.act(action)}>${LABELS[action]}</button>`
      })}
      ${canDelete ? this.removal(card) : null}
    </div>`
  }

  private details(card: Card) {
    if (!card.facts) return null
    return html`<details class="small">
      <summary>Details</summary>
      <dl>
        ${factsTable(card.facts).map(
          ([label, text]) =>
            html`<dt>${label}</dt>
              <dd class="figures">${text}</dd>`,
        )}
      </dl>
      <p class="muted">${card.isVerified ? 'As its files say.' : 'From the catalogue; its files are looked at when it is used.'}</p>
    </details>`
  }

  protected override render() {
    const { card, state } = this
    if (!card || !state) return null
    const fit = state.kind === 'absent' || state.kind === 'stopped' ? fitWords(card.fit) : null
    const licence = licenceWords(card)
    return html`<article class="card" aria-label=${card.name}>
      <div>
        <h3>${card.name}</h3>
        <p class="muted small"><code>${card.id}</code></p>
      </div>
      <p class="state small ${TONES[state.kind]}" role="status">${state.text}</p>
      <div class="body">
        ${state.note === '' ? null : html`<p class="small muted note">${state.note}</p>`}
        <model-progress .rows=${state.rows}></model-progress>
        ${card.facts ? html`<p class="small figures">${factsLine(card)}</p>` : null}
        ${fit ? html`<p class="small fit ${fit.tone}">${fit.text}</p>` : null} ${licence ? html`<p class="small muted">${licence}</p>` : null}
        ${this.details(card)}
        <error-note exact .error=${this.failure ?? card.error}></error-note>
      </div>
      ${this.actions(card, state)}
    </article>`
  }
}
customElements.define('model-card', ModelCard)

declare global {
  interface HTMLElementTagNameMap {
    'model-card': ModelCard
  }
}
