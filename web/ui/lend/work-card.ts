import { LitElement, css, html, svg } from 'lit'
import type { Contribution } from '../../engine/contribution.ts'
import type { DeviceState } from '../../engine/page-engine.ts'
import { countOf, formatBytes, formatTokenRate } from '../parts/quantities.ts'
import { shardNames } from './lend-phase.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/** Speeds that are shown in the picture, one a second. */
const SECONDS = 40
const WIDTH = 320
const HEIGHT = 64

/** The last speeds as one line from left to right, the newest at the right edge. */
function linePath(speeds: readonly number[]): string {
  const top = Math.max(1, ...speeds)
  const step = WIDTH / (SECONDS - 1)
  return speeds
    .map((speed, i) => {
      const x = WIDTH - (speeds.length - 1 - i) * step
      const y = HEIGHT - 4 - (HEIGHT - 12) * (speed / top)
      return `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`
    })
    .join(' ')
}

/**
 * What flows through this device: frames in, layers, frames out, live; and what it has given in all.
 *
 * @property device - its state
 * @property contributed - of all visits
 */
export class WorkCard extends LitElement {
  static override properties = { device: { attribute: false }, contributed: { attribute: false } }
  declare device: DeviceState | null
  declare contributed: Contribution | null
  private speeds: readonly number[] = []
  private seen: DeviceState['work'] | null = null

  static override styles = [
    sharedStyles,
    css`
      .flow {
        display: grid;
        grid-template-columns: 1fr auto 1fr;
        align-items: center;
        gap: 0.75rem;
        margin-top: 0.9rem;
        text-align: center;
      }
      .way strong {
        display: block;
        font-size: 1.05rem;
        font-variant-numeric: tabular-nums;
      }
      .layers {
        max-width: 11rem;
        padding: 0.5rem 0.9rem;
        border: 1px solid var(--line);
        border-radius: 10px;
        background: var(--sunken);
        font-weight: 600;
        font-size: 0.9rem;
        overflow-wrap: anywhere;
      }
      .moving .layers {
        border-color: var(--accent);
      }
      .arrow {
        color: var(--accent);
      }
      .still .arrow {
        color: var(--muted);
      }
      svg {
        display: block;
        width: 100%;
        height: auto;
        margin-top: 0.9rem;
        border-bottom: 1px solid var(--line);
      }
      path {
        fill: none;
        stroke: var(--accent);
        stroke-width: 1.8;
        stroke-linejoin: round;
        vector-effect: non-scaling-stroke;
      }
      dl {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr));
        gap: 0.8rem 1rem;
        margin-top: 0.9rem;
      }
      dt {
        color: var(--muted);
        font-size: 0.82rem;
      }
      dd {
        font-weight: 600;
        font-variant-numeric: tabular-nums;
      }
      .given {
        margin-top: 1rem;
        padding-top: 0.9rem;
        border-top: 1px solid var(--line);
      }
    `,
  ]

  constructor() {
    super()
    this.device = null
    this.contributed = null
  }

  protected override willUpdate(): void {
    const work = this.device?.work ?? null
    if (work === null || work === this.seen) return
    this.seen = work
    this.speeds = [...this.speeds, work.tokensPerSecond].slice(-SECONDS)
  }

  private way(label: string, arrow: string, rate: number, total: number) {
    return html`<div class="way">
      <span class="small muted">${label} <span class="arrow" aria-hidden="true">${arrow}</span></span>
      <strong>${formatBytes(rate)}/s</strong>
      <span class="small muted figures">${formatBytes(total)} so far</span>
    </div>`
  }

  protected override render() {
    const { device, contributed } = this
    if (!device) return null
    const { work } = device
    const facts: readonly (readonly [string, string])[] = [
      ['Tokens a second', formatTokenRate(work.tokensPerSecond)],
      ['Conversations now', String(device.sequences)],
      ['Requests', work.requests.toLocaleString('en')],
      ['Work done', countOf(device.framesHandled, 'frame')],
    ]
    return html`<section class="card ${work.tokensPerSecond > 0 ? 'moving' : 'still'}" aria-labelledby="flow">
      <h2 id="flow">What flows through</h2>
      <div class="flow">
        ${this.way('in', '→', work.bytesInPerSecond, work.bytesIn)}
        <div class="layers">${shardNames(device.shards) || 'no layers yet'}</div>
        ${this.way('out', '→', work.bytesOutPerSecond, work.bytesOut)}
      </div>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Tokens a second in the last ${SECONDS} seconds">
        ${svg`<path d=${linePath(this.speeds)}></path>`}
      </svg>
      <dl>
        ${facts.map(
          ([label, text]) =>
            html`<div>
              <dt>${label}</dt>
              <dd>${text}</dd>
            </div>`,
        )}
      </dl>
      ${
        contributed
          ? html`<p class="given small figures">
              Given in all visits: <strong>${countOf(contributed.tokens, 'token')}</strong> for ${countOf(contributed.requests, 'request')},
              ${formatBytes(contributed.bytesIn + contributed.bytesOut)} moved.
            </p>`
          : null
      }
    </section>`
  }
}
customElements.define('work-card', WorkCard)

declare global {
  interface HTMLElementTagNameMap {
    'work-card': WorkCard
  }
}
