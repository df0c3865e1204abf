import { LitElement, css, html } from 'lit'
import type { PeerEntry } from '../../../protocol/cluster.ts'
import { PATH_NAMES } from './device-rows.ts'
import { MOST_IN_MATRIX, type LinkAges } from '../parts/link-ages.ts'
import { formatMilliseconds, formatSeconds } from '../parts/quantities.ts'
import { sharedStyles } from '../parts/shared-styles.ts'
import { tableStyles } from '../parts/table-styles.ts'

/** Ages go on while nothing is heard. */
const TICK_MS = 1_000

/**
 * Round trips between all devices, with the path and how old each value is.
 *
 * @property devices - rows and columns
 * @property ages - the values
 */
export class RttMatrix extends LitElement {
  static override properties = { devices: { attribute: false }, ages: { attribute: false } }
  declare devices: readonly PeerEntry[]
  declare ages: LinkAges | null
  private tick: ReturnType<typeof setInterval> | null = null

  static override styles = [
    sharedStyles,
    tableStyles,
    css`
      .age {
        display: block;
        color: var(--muted);
        font-size: var(--text-xs);
      }
      .relay {
        color: var(--warn);
      }
      tbody th {
        min-width: 7rem;
        max-width: 10rem;
        white-space: normal;
        overflow-wrap: anywhere;
      }
    `,
  ]

  constructor() {
    super()
    this.devices = []
    this.ages = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.tick = setInterval(() => this.requestUpdate(), TICK_MS)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    if (this.tick !== null) clearInterval(this.tick)
    this.tick = null
  }

  private cell(from: PeerEntry, to: PeerEntry) {
    if (from.id === to.id) return html`<td>–</td>`
    const cell = this.ages?.cell(from.id, to.id) ?? this.ages?.cell(to.id, from.id) ?? null
    if (cell === null) return html`<td class="muted">no link</td>`
    const time = cell.rttMs === null ? 'not measured' : formatMilliseconds(cell.rttMs)
    return html`<td>
      <span class=${cell.path}>${time}${cell.path === 'webrtc' ? null : ` ${PATH_NAMES[cell.path]}`}</span>
      <span class="age">${cell.ageMs < TICK_MS ? 'now' : `${formatSeconds(cell.ageMs / 1000)} ago`}</span>
    </td>`
  }

  protected override render() {
    const devices = this.devices.slice(0, MOST_IN_MATRIX)
    if (devices.length < 2) return html`<p class="muted small">Round trips are measured between two devices or more.</p>`
    const rest = this.devices.length - devices.length
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Round trips">
        <table>
          <thead>
            <tr>
              <th scope="col">From</th>
              ${devices.map(({ name }) => html`<th scope="col">${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${devices.map(
              (from) =>
                html`<tr>
                  <th scope="row">${from.name}</th>
                  ${devices.map((to) => this.cell(from, to))}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${rest > 0 ? html`<p class="muted small">${rest} more are left out: beyond ${MOST_IN_MATRIX} devices only neighbours in a ring measure each other.</p>` : null}`
  }
}
customElements.define('rtt-matrix', RttMatrix)

declare global {
  interface HTMLElementTagNameMap {
    'rtt-matrix': RttMatrix
  }
}
