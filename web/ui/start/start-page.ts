import { LitElement, css, html } from 'lit'
import { addressesOf, type ClusterClient, type ServerAddresses } from '../../engine/cluster-client.ts'
import type { PageEngine } from '../../engine/page-engine.ts'
import '../parts/join-card.ts'
import { joinUrl } from '../parts/join-url.ts'
import { redrawOn } from '../parts/redraw-on.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import { startSteps, type StartStep } from './start-steps.ts'

/**
 * The first steps: from this device only, to two devices, to a bigger model. Each ticks itself off.
 *
 * @property engine - what the page knows
 * @property client - asks where other devices reach the server; null where there is none to ask
 */
export class StartPage extends LitElement {
  static override properties = { engine: { attribute: false }, client: { attribute: false }, addresses: { state: true } }
  declare engine: PageEngine | null
  declare client: ClusterClient | null
  declare private addresses: ServerAddresses | null

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      .page {
        max-width: 46rem;
      }
      ol {
        display: grid;
        gap: 1rem;
        margin-top: 1.75rem;
        list-style: none;
      }
      li.card {
        display: grid;
        grid-template-columns: 2rem minmax(0, 1fr);
        gap: 0 0.9rem;
      }
      .mark {
        display: grid;
        place-items: center;
        width: 2rem;
        height: 2rem;
        border: 2px solid var(--line-strong);
        border-radius: 50%;
        font-weight: var(--weight-strong);
        font-variant-numeric: tabular-nums;
      }
      .done .mark {
        border-color: transparent;
        background: var(--good-soft);
        color: var(--good);
      }
      .now {
        border-color: var(--accent);
      }
      h2 {
        line-height: 2rem;
      }
      .text {
        margin-top: 0.2rem;
        color: var(--muted);
      }
      .action {
        margin-top: 0.8rem;
      }
      .action:empty {
        display: none;
      }
      join-card {
        margin-top: 0.9rem;
      }
      .all {
        margin-top: 1.5rem;
      }
    `,
  ]

  constructor() {
    super()
    this.engine = null
    this.client = null
    this.addresses = null
    redrawOn(this, (redraw) => this.engine?.onChange(redraw) ?? (() => undefined))
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void addressesOf(this.client).then((addresses) => (this.addresses = addresses))
  }

  /** What there is to do for a step, also once it is done: a second answer, a third device. */
  private action({ id, isDone }: StartStep, isNow: boolean) {
    const look = isNow && !isDone ? 'button primary' : 'button'
    switch (id) {
      case 'answers':
        return isDone ? html`<a class="button" href="/">Ask in the chat</a>` : null
      case 'lends':
        return isDone ? null : html`<a class=${look} href="/contribute">Lend this device</a>`
      case 'second':
        return isNow || isDone
          ? html`<join-card .url=${joinUrl(location, this.addresses)} .trust=${this.addresses?.trust ?? null}></join-card>`
          : null
      case 'bigger':
        return isNow || isDone ? html`<a class=${look} href="/models">Choose a model</a>` : null
    }
  }

  private step(step: StartStep, index: number, now: number) {
    const isNow = index === now
    return html`<li class="card ${step.isDone ? 'done' : ''} ${isNow ? 'now' : ''}" aria-current=${isNow ? 'step' : 'false'}>
      <span class="mark" aria-hidden="true">${step.isDone ? '✓' : index + 1}</span>
      <div>
        <h2>${step.title}${step.isDone ? html`<span class="visually-hidden"> (done)</span>` : null}</h2>
        <p class="text" role="status">${step.text}</p>
        <div class="action">${this.action(step, isNow)}</div>
      </div>
    </li>`
  }

  protected override render() {
    const engine = this.engine
    if (!engine) return null
    const steps = startSteps(engine.view())
    const now = steps.findIndex(({ isDone }) => !isDone)
    return html`<div class="page">
      <h1>First steps</h1>
      <p class="lead">Ringlet joins the browsers you already have into one AI. Nothing to install on any of them.</p>
      <ol>
        ${steps.map((step, index) => this.step(step, index, now))}
      </ol>
      ${now === -1 ? html`<p class="all">That is all. The <a href="/cluster">cluster page</a> shows the ring at work.</p>` : null}
    </div>`
  }
}
customElements.define('start-page', StartPage)

declare global {
  interface HTMLElementTagNameMap {
    'start-page': StartPage
  }
}
