import { LitElement, css, html } from 'lit'
import { formatLayers, formatMilliseconds } from '../parts/quantities.ts'
import { sharedStyles } from '../parts/shared-styles.ts'
import type { StageRow } from './stage-rows.ts'
import { tableStyles } from '../parts/table-styles.ts'

const COLUMNS = ['Device', 'Holds', 'A layer', 'Predicted', 'Observed', 'Hop'] as const
const time = (ms: number | null): string => (ms === null ? '–' : formatMilliseconds(ms))

/**
 * What each device of a ring was said to take, and takes.
 *
 * @property rows - in the order of the ring
 */
export class StageTable extends LitElement {
  static override properties = { rows: { attribute: false } }
  declare rows: readonly StageRow[]

  static override styles = [
    sharedStyles,
    tableStyles,
    css`
      th,
      td {
        padding-right: 0.5rem;
      }
    `,
  ]

  constructor() {
    super()
    this.rows = []
  }

  protected override render() {
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Predicted and observed by device">
      <table>
        <thead>
          <tr>
            ${COLUMNS.map((label) => html`<th scope="col">${label}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${this.rows.map(
            (row) =>
              html`<tr>
                <th scope="row">${row.name}</th>
                <td>${formatLayers(...row.layers)}</td>
                <td>${time(row.layerMs)}</td>
                <td>${time(row.predictedMs)}</td>
                <td>${time(row.observedMs)}</td>
                <td>${time(row.hopMs)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`
  }
}
customElements.define('stage-table', StageTable)

declare global {
  interface HTMLElementTagNameMap {
    'stage-table': StageTable
  }
}
