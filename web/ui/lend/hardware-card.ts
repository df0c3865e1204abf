import { LitElement, css, html } from 'lit'
import type { HardwareReport } from '../../engine/page-engine.ts'
import { hardwareFacts } from './lend-choice.ts'
import { formatBytes } from '../parts/quantities.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/**
 * What was found on this device, and why something is missing.
 *
 * @property report - null while the browser is being asked
 */
export class HardwareCard extends LitElement {
  static override properties = { report: { attribute: false } }
  declare report: HardwareReport | null

  static override styles = [
    sharedStyles,
    css`
      dl {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 0.55rem 1rem;
        margin-top: 0.9rem;
        font-size: 0.92rem;
        line-height: 1.45;
      }
      dt {
        color: var(--muted);
        white-space: nowrap;
      }
      dd {
        overflow-wrap: anywhere;
      }
      .lacking::before {
        content: '';
        display: inline-block;
        width: 0.5rem;
        height: 0.5rem;
        margin-right: 0.45rem;
        border-radius: 50%;
        background: var(--warn);
      }
    `,
  ]

  constructor() {
    super()
    this.report = null
  }

  protected override render() {
    return html`<section class="card" aria-labelledby="found" aria-busy=${this.report ? 'false' : 'true'}>
      <h2 id="found">What this device has</h2>
      ${
        this.report
          ? html`<dl>
              ${hardwareFacts(this.report, formatBytes).map(
                ({ label, text, isGood }) =>
                  html`<dt>${label}</dt>
                    <dd class=${isGood ? '' : 'lacking'}>${text}</dd>`,
              )}
            </dl>`
          : html`<p class="muted small">Looking…</p>`
      }
    </section>`
  }
}
customElements.define('hardware-card', HardwareCard)

declare global {
  interface HTMLElementTagNameMap {
    'hardware-card': HardwareCard
  }
}
