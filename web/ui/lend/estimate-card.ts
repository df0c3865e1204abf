import { LitElement, css, html } from 'lit'
import type { ShareEstimate } from '../../../runtime/measure/estimate-share.ts'
import type { WireError } from '../../../protocol/errors.ts'
import '../parts/error-note.ts'
import { estimateWords } from './estimate-words.ts'
import { progressStyles } from '../parts/progress-styles.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'

/** What is known of a trial of this device. */
export type EstimateState =
  | { readonly state: 'waiting' | 'measuring' }
  | { readonly state: 'measured'; readonly estimate: ShareEstimate }
  | { readonly state: 'failed'; readonly error: WireError }

/**
 * What this device could hold, and how fast: measured with one layer before anything is downloaded.
 *
 * @property trial - what is known
 * @property share - part of the time that it may compute
 * @fires measure - tries it out
 */
export class EstimateCard extends LitElement {
  static override properties = { trial: { attribute: false }, share: { type: Number } }
  declare trial: EstimateState
  declare share: number

  static override styles = [
    sharedStyles,
    buttonStyles,
    progressStyles,
    css`
      .headline {
        margin-top: 0.7rem;
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      p + p {
        margin-top: 0.4rem;
        overflow-wrap: anywhere;
      }
      button,
      progress,
      error-note {
        margin-top: 0.8rem;
      }
    `,
  ]

  constructor() {
    super()
    this.trial = { state: 'waiting' }
    this.share = 1
  }

  private content() {
    const { trial } = this
    switch (trial.state) {
      case 'waiting':
        return html`<p class="headline">One layer with random weights shows what this device can do.</p>
          <p class="muted small">It takes a few seconds, and nothing of a model is downloaded for it.</p>`
      case 'measuring':
        return html`<p class="headline">Trying it out…</p>
          <p class="muted small">Each way of computing that this device has runs one layer.</p>
          <progress aria-label="Trying this device out"></progress>`
      case 'failed':
        return html`<error-note exact .error=${trial.error}></error-note>`
      case 'measured': {
        const { headline, detail } = estimateWords(trial.estimate, this.share)
        const { backendReason } = trial.estimate.capabilities
        return html`<p class="headline">${headline}</p>
          <p class="muted small">${detail}</p>
          ${backendReason === undefined ? null : html`<p class="muted small">${backendReason}</p>`}`
      }
    }
  }

  protected override render() {
    const isBusy = this.trial.state === 'measuring'
    return html`<section class="card" aria-labelledby="estimate" aria-busy=${isBusy ? 'true' : 'false'}>
      <h2 id="estimate">What it could hold</h2>
      <div role="status">${this.content()}</div>
      ${
        isBusy
          ? null
          : html`<button @click=${() => this.dispatchEvent(new CustomEvent('measure'))}>
              ${this.trial.state === 'waiting' ? 'Try it out' : 'Try again'}
            </button>`
      }
    </section>`
  }
}
customElements.define('estimate-card', EstimateCard)

declare global {
  interface HTMLElementTagNameMap {
    'estimate-card': EstimateCard
  }
}
