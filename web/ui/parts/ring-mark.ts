import { LitElement, css, html, svg } from 'lit'

/** One arc of the mark: a device's part of the model. */
export type RingSegment = { readonly weight: number; readonly state: 'loading' | 'ready' | 'failed' | 'idle' | 'missing' }

/** The mark itself: a model in three unequal parts. */
const LOGO: readonly RingSegment[] = [
  { weight: 5, state: 'ready' },
  { weight: 3, state: 'ready' },
  { weight: 1.4, state: 'ready' },
]
/** Round ends reach this far beyond an arc, in hundredths of the circle. */
const GAP = 11

/**
 * The ring: as the logo, or as a small picture of a real ring whose arcs are its devices' shares of the layers.
 *
 * @property segments - arcs in shard order; empty draws the logo
 * @property busy - a token travels around
 */
export class RingMark extends LitElement {
  static override properties = { segments: { attribute: false }, busy: { type: Boolean } }
  declare segments: readonly RingSegment[]
  declare busy: boolean

  static override styles = css`
    :host {
      display: inline-block;
      width: 1.5em;
      height: 1.5em;
      flex: none;
    }
    svg {
      display: block;
      width: 100%;
      height: 100%;
      overflow: visible;
    }
    .loading {
      opacity: 0.45;
      animation: breathe 1.6s ease-in-out infinite;
    }
    .idle {
      opacity: 0.35;
    }
    .failed,
    .missing {
      stroke: var(--bad);
      opacity: 0.5;
    }
    .token {
      transform-origin: 16px 16px;
      animation: lap 1.5s linear infinite;
    }
    @keyframes lap {
      to {
        transform: rotate(360deg);
      }
    }
    @keyframes breathe {
      50% {
        opacity: 0.8;
      }
    }
    @media (prefers-reduced-motion: reduce) {
      .loading,
      .token {
        animation: none;
      }
    }
  `

  constructor() {
    super()
    this.segments = []
    this.busy = false
  }

  private arcs() {
    const segments = this.segments.length > 0 ? this.segments : LOGO
    const total = segments.reduce((sum, segment) => sum + segment.weight, 0)
    const gap = segments.length === 1 ? 0 : Math.min(GAP, 50 / segments.length)
    let start = 0
    return segments.map((segment, order) => {
      const share = (100 * segment.weight) / total
      const arc = Math.max(0.5, share - gap)
      const turn = -90 + 3.6 * (start + gap / 2)
      start += share
      return svg`<circle class=${segment.state} cx="16" cy="16" r="12" pathLength="100" stroke="var(--ring-${order % 8})"
        stroke-dasharray="${arc} ${100 - arc}" transform="rotate(${turn} 16 16)"></circle>`
    })
  }

  protected override render() {
    return html`<svg viewBox="0 0 32 32" fill="none" stroke-width="4.6" stroke-linecap="round" aria-hidden="true">
      ${this.arcs()}
      ${this.busy ? svg`<circle class="token" cx="16" cy="4" r="3.4" fill="var(--ink)" stroke="var(--ground)" stroke-width="1.6"></circle>` : null}
    </svg>`
  }
}
customElements.define('ring-mark', RingMark)

declare global {
  interface HTMLElementTagNameMap {
    'ring-mark': RingMark
  }
}
