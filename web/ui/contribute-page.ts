import { LitElement, css, html } from 'lit'
import { toClusterError, toWireError, type WireError } from '../../protocol/errors.ts'
import type { HardwareReport, LendOptions, PageEngine } from '../engine/page-engine.ts'
import { rememberedName, rememberName } from './device-name.ts'
import './error-note.ts'
import './hardware-card.ts'
import { firstChoice, formatNote, lendOptions, type LendChoice } from './lend-choice.ts'
import './lend-form.ts'
import { parseLendQuery } from './lend-query.ts'
import './lend-status.ts'
import './life-card.ts'
import { redrawOn } from './redraw-on.ts'
import { buttonStyles, sharedStyles } from './shared-styles.ts'

/**
 * Lending this device: what was found, what to lend, what it does now.
 *
 * @property engine - what the page knows and can ask
 */
export class ContributePage extends LitElement {
  static override properties = { engine: { attribute: false }, report: { state: true }, choice: { state: true }, problem: { state: true } }
  declare engine: PageEngine | null
  declare private report: HardwareReport | null
  declare private choice: LendChoice | null
  /** Why something that a person asked for did not happen. */
  declare private problem: WireError | null
  private readonly query = parseLendQuery(location.search)

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      .columns {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
        align-items: start;
        gap: 1.25rem;
        margin-top: 1.75rem;
      }
      .stack {
        display: grid;
        gap: 1.25rem;
        min-width: 0;
      }
      .note {
        margin-top: 1.25rem;
        padding: 0.75rem 1rem;
        border-radius: 10px;
        background: var(--warn-soft);
      }
      .privacy p {
        margin-top: 0.6rem;
      }
      error-note {
        margin-top: 1rem;
      }
    `,
  ]

  constructor() {
    super()
    this.engine = null
    this.report = null
    this.choice = null
    this.problem = null
    redrawOn(this, (redraw) => this.engine?.onChange(redraw) ?? (() => undefined))
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.attempt(() => this.look())
  }

  /** Runs what a person asked for; a failure becomes a sentence. */
  private async attempt(action: () => Promise<void>): Promise<void> {
    this.problem = null
    try {
      await action()
    } catch (thrown) {
      this.problem = toWireError(toClusterError(thrown))
    }
  }

  private async look(): Promise<void> {
    const engine = this.engine
    if (!engine) return
    const report = await engine.probe()
    this.report = report
    this.choice = firstChoice(report, this.query, rememberedName(localStorage, navigator.userAgent))
    if (this.query.auto && engine.device().lending === 'off') await engine.lend(lendOptions(report, this.choice))
  }

  private async join(): Promise<void> {
    const { engine, report, choice } = this
    if (!engine || !report || !choice) return
    const options: LendOptions = lendOptions(report, { ...choice, name: choice.name.trim() })
    rememberName(localStorage, options.name)
    await engine.lend(options)
  }

  private async takeOver(): Promise<void> {
    const { engine, report, choice } = this
    if (engine && report && choice) await engine.takeOver(lendOptions(report, { ...choice, name: choice.name.trim() }))
  }

  /** Two tabs share one machine's memory, and each loads what it holds for itself. */
  private otherTab() {
    return html`<p class="note small" role="status">
      Another tab of this browser lends already. Both may, each with its own memory; or this one goes on in its place, with nothing to download.
      <button ?disabled=${this.choice === null} @click=${() => void this.attempt(() => this.takeOver())}>Take over</button>
    </p>`
  }

  private privacy() {
    return html`<section class="card privacy small" aria-labelledby="privacy">
      <h2 id="privacy">Who sees what</h2>
      <p>
        <strong>On your side:</strong> no code of other people runs here, only this page’s own. It has no access to your files, and the layers it gets
        fit into the memory you lend.
      </p>
      <p>
        <strong>On theirs:</strong> your device computes parts of other people’s chats, and its owner could rebuild their words from what passes
        through. In the same way other devices of a ring could read yours.
      </p>
      <p>Devices of a ring connect to each other directly, so they can see each other’s network address.</p>
    </section>`
  }

  protected override render() {
    const engine = this.engine
    if (!engine) return null
    const device = engine.device()
    const isOut = device.lending === 'off' || device.lending === 'failed'
    const format = this.report ? formatNote(this.report, this.query) : null
    const notes = [...(format ? [format] : []), ...this.query.problems]
    return html`<div class="page">
      <h1>${isOut ? 'Lend this device' : 'This device is in the ring'}</h1>
      <p class="lead">
        ${
          isOut
            ? 'Your browser holds a few layers of the model while this tab is open. Nothing is installed, and closing the tab ends it.'
            : 'Keep this tab open and in sight: browsers slow down tabs that are hidden, and phones stop them. You can look around on the other pages meanwhile.'
        }
      </p>
      ${isSecureContext ? null : html`<p class="note small">This page came over plain http, where browsers allow neither GPU nor storage. Open it over https, or as localhost on the same machine.</p>`}
      ${isOut && engine.lendsElsewhere() ? this.otherTab() : null}
      <error-note .error=${this.problem ?? (device.lending === 'failed' ? device.error : null)}></error-note>
      <div class="columns">
        <div class="stack">
          ${
            isOut
              ? html`<lend-form
                  .report=${this.report}
                  .choice=${this.choice}
                  .notes=${notes}
                  @choose=${(event: CustomEvent<LendChoice>) => (this.choice = event.detail)}
                  @join=${() => void this.attempt(() => this.join())}
                ></lend-form>`
              : html`<lend-status
                  .device=${device}
                  @pause=${() => engine.pause()}
                  @resume=${() => engine.resume()}
                  @leave=${() => void this.attempt(() => engine.leave())}
                ></lend-status>`
          }
        </div>
        <div class="stack">
          ${
            isOut
              ? null
              : html`<life-card
                  .life=${engine.life()}
                  @awake=${(event: CustomEvent<boolean>) => engine.keepAwake(event.detail)}
                  @audible=${(event: CustomEvent<boolean>) => engine.keepAudible(event.detail)}
                ></life-card>`
          }<hardware-card .report=${this.report}></hardware-card>${this.privacy()}
        </div>
      </div>
    </div>`
  }
}
customElements.define('contribute-page', ContributePage)

declare global {
  interface HTMLElementTagNameMap {
    'contribute-page': ContributePage
  }
}
