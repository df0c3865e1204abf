import { LitElement, css, html } from 'lit'
import type { RingSummary } from '../parts/ring-summary.ts'
import '../parts/ring-mark.ts'
import type { RingSegment } from '../parts/ring-mark.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/**
 * Which model answers, over how many devices, and whether it does.
 *
 * @property summary - the ring in one line
 * @property segments - its devices as arcs
 * @property busy - an answer is running
 */
export class RingLine extends LitElement {
  static override properties = { summary: { attribute: false }, segments: { attribute: false }, busy: { type: Boolean } }
  declare summary: RingSummary | null
  declare segments: readonly RingSegment[]
  declare busy: boolean

  static override styles = [
    sharedStyles,
    css`
      .line {
        display: flex;
        align-items: center;
        gap: 0.55rem;
        color: var(--muted);
        font-size: var(--text-m);
        line-height: 1.45;
        overflow-wrap: anywhere;
      }
      .dot {
        flex: none;
        width: 0.55rem;
        height: 0.55rem;
        border-radius: 50%;
        background: var(--good);
      }
      .working .dot {
        background: var(--warn);
      }
      .problem {
        color: var(--ink);
      }
      .problem .dot {
        background: var(--bad);
      }
    `,
  ]

  constructor() {
    super()
    this.summary = null
    this.segments = []
    this.busy = false
  }

  protected override render() {
    const summary = this.summary
    if (!summary) return null
    return html`
      <div class="line ${summary.tone}" role="status">
        ${this.segments.length > 0 ? html`<ring-mark .segments=${this.segments} .busy=${this.busy}></ring-mark>` : html`<span class="dot"></span>`}
        <span>${summary.text}${summary.wantsDevices ? html` · <a href="/contribute">Lend a device</a>` : null}</span>
      </div>
    `
  }
}
customElements.define('ring-line', RingLine)

declare global {
  interface HTMLElementTagNameMap {
    'ring-line': RingLine
  }
}
