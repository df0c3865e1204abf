import { LitElement, css, html } from 'lit'
import type { DeviceRow } from './device-rows.ts'
import { formatBytes } from '../parts/quantities.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/**
 * All peers with the same facts as the picture. On small screens each row becomes a card; roles keep it a table for
 * screen readers, which a changed `display` would take away.
 *
 * @property rows - one a peer
 */
export class DeviceTable extends LitElement {
  static override properties = { rows: { attribute: false } }
  declare rows: readonly DeviceRow[]

  static override styles = [
    sharedStyles,
    css`
      table {
        width: 100%;
        border-collapse: collapse;
        font-size: 0.9rem;
        line-height: 1.45;
        font-variant-numeric: tabular-nums;
      }
      th,
      td {
        padding: 0.6rem 0.75rem 0.6rem 0;
        border-bottom: 1px solid var(--line);
        text-align: left;
        vertical-align: top;
        overflow-wrap: anywhere;
      }
      thead th {
        color: var(--muted);
        font-size: 0.82rem;
        font-weight: 520;
        white-space: nowrap;
      }
      tbody th {
        font-weight: 600;
      }
      tbody tr:last-child > * {
        border-bottom: 0;
      }
      tbody th svg {
        width: 0.6rem;
        height: 0.6rem;
        margin-right: 0.45rem;
      }
      td:nth-child(2) {
        min-width: 5.5rem;
      }
      .kind {
        display: block;
        font-weight: 400;
      }
      meter {
        display: block;
        width: 6.5rem;
        max-width: 100%;
        height: 0.4rem;
        margin-top: 0.3rem;
        border: 0;
        border-radius: 99px;
        background: var(--sunken);
        overflow: hidden;
      }
      meter::-webkit-meter-bar {
        height: 0.4rem;
        border: 0;
        border-radius: 99px;
        background: var(--sunken);
      }
      meter::-webkit-meter-optimum-value {
        border-radius: 99px;
        background: var(--accent);
      }
      @media (max-width: 46rem) {
        thead {
          position: absolute;
          width: 1px;
          height: 1px;
          overflow: hidden;
          clip-path: inset(50%);
        }
        table,
        tbody,
        tr,
        th,
        td {
          display: block;
        }
        tr {
          padding: 0.8rem 0;
          border-bottom: 1px solid var(--line);
        }
        tr:first-child {
          padding-top: 0;
        }
        tr:last-child {
          padding-bottom: 0;
          border-bottom: 0;
        }
        th,
        td {
          padding: 0.15rem 0;
          border: 0;
        }
        td {
          display: grid;
          grid-template-columns: 6rem minmax(0, 1fr);
        }
        td::before {
          content: attr(data-label);
          color: var(--muted);
        }
        .empty {
          display: none;
        }
      }
    `,
  ]

  constructor() {
    super()
    this.rows = []
  }

  private row(row: DeviceRow) {
    const cell = (label: string, content: unknown, isEmpty = false) =>
      html`<td role="cell" data-label=${label} class=${isEmpty ? 'empty' : ''}><span>${content}</span></td>`
    const layers = html`${row.layers}${row.weights === '' ? null : html`<span class="kind muted small">${row.weights}</span>`}`
    const memory =
      row.pledgedBytes === null
        ? '–'
        : html`${formatBytes(row.heldBytes)} of ${formatBytes(row.pledgedBytes)}<meter
              min="0"
              max=${Math.max(1, row.pledgedBytes)}
              value=${row.heldBytes}
              aria-label="Memory held"
            ></meter>`
    return html`<tr role="row">
      <th role="rowheader" scope="row" title=${row.hardware}>
        ${row.order === null ? null : html`<svg viewBox="0 0 10 10" aria-hidden="true"><circle cx="5" cy="5" r="5" fill="var(--ring-${row.order % 8})"></circle></svg>`}${row.name}${row.isSelf ? ' (you)' : ''}<span
          class="kind muted small"
          >${row.kind}</span
        >
      </th>
      ${cell('State', row.state)} ${cell('Layers', layers, row.layers === '–')} ${cell('Memory', memory, row.pledgedBytes === null)}
      ${cell('Speed', row.speed, row.speed === '–')} ${cell('Next hop', row.nextHop, row.nextHop === '–')}
    </tr>`
  }

  protected override render() {
    return html`<table role="table" aria-label="Devices and peers">
      <thead role="rowgroup">
        <tr role="row">
          ${['Name', 'State', 'Layers', 'Memory', 'Speed', 'Next hop'].map((label) => html`<th role="columnheader" scope="col">${label}</th>`)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${this.rows.map((row) => this.row(row))}
      </tbody>
    </table>`
  }
}
customElements.define('device-table', DeviceTable)

declare global {
  interface HTMLElementTagNameMap {
    'device-table': DeviceTable
  }
}
