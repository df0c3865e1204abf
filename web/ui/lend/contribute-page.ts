import { LitElement, css, html, type TemplateResult } from 'lit'
import { toClusterError, toWireError, type WireError } from '../../../protocol/errors.ts'
import type { LendLimits } from '../../engine/lend-limits.ts'
import type { DeviceState, HardwareReport, LendOptions, PageEngine } from '../../engine/page-engine.ts'
import { rememberedName, rememberName } from './device-name.ts'
import { drawInSteps } from '../parts/draw-in-steps.ts'
import '../parts/error-note.ts'
import './estimate-card.ts'
import type { EstimateState } from './estimate-card.ts'
import './hardware-card.ts'
import { firstChoice, formatNote } from './lend-choice.ts'
import './lend-form.ts'
import { parseLendQuery } from './lend-query.ts'
import './lend-status.ts'
import './life-card.ts'
import './limits-card.ts'
import './privacy-card.ts'
import { redrawOn } from '../parts/redraw-on.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import './sight-banner.ts'
import './work-card.ts'

type Part = TemplateResult | null

/** A person who joins at once need not wait for a trial. */
const TRIAL_AFTER_MS = 1_200
function laterOnce(work: () => void): () => void {
  const timer = setTimeout(work, TRIAL_AFTER_MS)
  return () => clearTimeout(timer)
}

/** Whether what was measured for one choice says nothing of another. */
const concerns = (a: LendOptions, b: LendOptions): boolean =>
  a.memoryBytes !== b.memoryBytes || a.backend !== b.backend || a.threads !== b.threads || a.weightFormat !== b.weightFormat

/**
 * Lending this device: what was found, what to lend, what it does now.
 *
 * @property engine - what the page knows and can ask
 */
export class ContributePage extends LitElement {
  static override properties = {
    engine: { attribute: false },
    report: { state: true },
    choice: { state: true },
    trial: { state: true },
    problem: { state: true },
  }
  declare engine: PageEngine | null
  declare private report: HardwareReport | null
  declare private choice: LendOptions | null
  declare private trial: EstimateState
  /** Why something that a person asked for did not happen. */
  declare private problem: WireError | null
  private readonly query = parseLendQuery(location.search)
  private readonly steps = drawInSteps(this, 1)
  private stopWaiting = (): void => undefined

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
    this.trial = { state: 'waiting' }
    this.problem = null
    redrawOn(this, (redraw) => this.engine?.onChange(redraw) ?? (() => undefined))
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.attempt(() => this.look())
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.stopWaiting()
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
    if (this.query.auto && engine.device().lending === 'off') await engine.lend(this.choice)
    else this.stopWaiting = laterOnce(() => this.mayMeasure() && void this.measure())
  }

  /** Whoever lends already, here or in another tab, has no use for a trial. */
  private mayMeasure(): boolean {
    return this.engine?.device().lending === 'off' && !this.engine.lendsElsewhere() && this.trial.state === 'waiting'
  }

  private async measure(): Promise<void> {
    const { engine, choice } = this
    if (!engine || !choice || this.trial.state === 'measuring') return
    this.trial = { state: 'measuring' }
    try {
      this.trial = { state: 'measured', estimate: await engine.estimate(choice) }
    } catch (thrown) {
      this.trial = { state: 'failed', error: toWireError(toClusterError(thrown)) }
    }
    // The choice went on while it was measured: what is known of backends makes the next one quick.
    if (this.choice && concerns(choice, this.choice)) await this.measure()
  }

  private choose(choice: LendOptions): void {
    const before = this.choice
    this.choice = choice
    if (before && concerns(before, choice)) void this.measure()
  }

  private async join(): Promise<void> {
    const { engine, choice } = this
    if (!engine || !choice) return
    const options: LendOptions = { ...choice, name: choice.name.trim() }
    rememberName(localStorage, options.name)
    await engine.lend(options)
  }

  private async takeOver(): Promise<void> {
    const { engine, choice } = this
    if (engine && choice) await engine.takeOver({ ...choice, name: choice.name.trim() })
  }

  /** Two tabs share one machine's memory, and each loads what it holds for itself. */
  private otherTab() {
    return html`<p class="note small" role="status">
      Another tab of this browser lends already. Both may, each with its own memory; or this one goes on in its place, with nothing to download.
      <button ?disabled=${this.choice === null} @click=${() => void this.attempt(() => this.takeOver())}>Take over</button>
    </p>`
  }

  private form(notes: readonly string[]): readonly Part[] {
    return [
      html`<lend-form
        .report=${this.report}
        .choice=${this.choice}
        .notes=${notes}
        @choose=${(event: CustomEvent<LendOptions>) => this.choose(event.detail)}
        @join=${() => void this.attempt(() => this.join())}
      ></lend-form>`,
      this.choice
        ? html`<estimate-card .trial=${this.trial} .share=${this.engine?.limits().share ?? 1} @measure=${() => void this.measure()}></estimate-card>`
        : null,
    ]
  }

  private status(engine: PageEngine, device: DeviceState): readonly Part[] {
    return [
      html`<lend-status
        .device=${device}
        @pause=${() => engine.pause()}
        @resume=${() => engine.resume()}
        @leave=${(event: CustomEvent<boolean>) => void this.attempt(() => engine.leave(event.detail))}
        @cancel=${() => void this.attempt(() => engine.cancelDownload())}
      ></lend-status>`,
      html`<work-card .device=${device} .contributed=${engine.contributed()}></work-card>`,
    ]
  }

  private asides(engine: PageEngine, isOut: boolean): readonly Part[] {
    return [
      isOut
        ? null
        : html`<life-card
            .life=${engine.life()}
            @awake=${(event: CustomEvent<boolean>) => engine.keepAwake(event.detail)}
            @audible=${(event: CustomEvent<boolean>) => engine.keepAudible(event.detail)}
          ></life-card>`,
      html`<limits-card
        .limits=${engine.limits()}
        .known=${engine.limitsKnown()}
        @limit=${(event: CustomEvent<LendLimits>) => void this.attempt(() => engine.setLimits(event.detail))}
      ></limits-card>`,
      html`<hardware-card .report=${this.report}></hardware-card>`,
      html`<privacy-card></privacy-card>`,
    ]
  }

  private columns(engine: PageEngine, device: DeviceState, isOut: boolean) {
    // What stands beside or below the form comes after it: so nothing jumps.
    if (isOut && this.report === null && this.problem === null) return null
    const format = this.report ? formatNote(this.report, this.query) : null
    const notes = [...(format ? [format] : []), ...this.query.problems]
    const first = isOut ? this.form(notes) : this.status(engine, device)
    const drawn = this.steps([...first, ...this.asides(engine, isOut)])
    return html`<div class="columns">
      <div class="stack">${drawn.slice(0, first.length)}</div>
      <div class="stack">${drawn.slice(first.length)}</div>
    </div>`
  }

  protected override render() {
    const engine = this.engine
    if (!engine) return null
    const device = engine.device()
    const isOut = device.lending === 'off' || device.lending === 'failed'
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
      <sight-banner .life=${engine.life()} .isLending=${!isOut}></sight-banner>
      <error-note .error=${this.problem ?? (device.lending === 'failed' ? device.error : null)}></error-note>
      ${this.columns(engine, device, isOut)}
    </div>`
  }
}
customElements.define('contribute-page', ContributePage)

declare global {
  interface HTMLElementTagNameMap {
    'contribute-page': ContributePage
  }
}
