import { LitElement, css, html } from 'lit'
import type { Trace, TraceHead } from '../../../protocol/trace.ts'
import type { WireError } from '../../../protocol/errors.ts'
import type { TraceClient } from '../../engine/trace-client.ts'
import '../parts/error-note.ts'
import { failureOf } from '../parts/failure-of.ts'
import { countOf, formatLayers, formatMilliseconds } from '../parts/quantities.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import { tableStyles } from '../parts/table-styles.ts'
import { happenings, ringRuns, type RingRun } from './trace-summary.ts'

/** Requests that are listed. */
const SHOWN = 12

/**
 * The last requests of the server's API, and where the time of one of them went.
 *
 * @property client - asks the server
 */
export class TracePanel extends LitElement {
  static override properties = { client: { attribute: false }, heads: { state: true }, trace: { state: true }, error: { state: true } }
  declare client: TraceClient | null
  declare private heads: readonly TraceHead[] | null
  declare private trace: Trace | null
  declare private error: WireError | null

  static override styles = [
    sharedStyles,
    buttonStyles,
    tableStyles,
    css`
      .head {
        display: flex;
        align-items: baseline;
        justify-content: space-between;
        gap: 1rem;
      }
      p,
      ul {
        margin-top: 0.7rem;
      }
      ul {
        padding-left: 1.1rem;
      }
      h3 {
        margin-top: 1.1rem;
        font-size: 0.95rem;
      }
      error-note {
        margin-top: 0.7rem;
      }
    `,
  ]

  constructor() {
    super()
    this.client = null
    this.heads = null
    this.trace = null
    this.error = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.attempt((client) => this.look(client))
  }

  private async attempt(work: (client: TraceClient) => Promise<void>): Promise<void> {
    const { client } = this
    if (client) this.error = await failureOf(() => work(client))
  }

  private async look(client: TraceClient): Promise<void> {
    this.heads = await client.list()
  }

  private row(head: TraceHead) {
    const open = (): Promise<void> => this.attempt(async (client) => void (this.trace = await client.read(head.id)))
    return html`<tr>
      <td><button class="plain" aria-expanded=${this.trace?.id === head.id ? 'true' : 'false'} @click=${open}>${head.id}</button></td>
      <td>${head.model}</td>
      <td>${head.state}</td>
      <td>${countOf(head.tokens, 'token')}</td>
      <td>${formatMilliseconds(head.totalMs)}</td>
    </tr>`
  }

  private run(run: RingRun) {
    const cells = ['In line', 'Layers', 'Read back', 'Send'] as const
    return html`<h3>Ring ${run.epoch}, ${countOf(run.laps.length, 'token')}</h3>
      <div class="scroll">
        <table aria-label="Mean time of a lap by device">
          <thead>
            <tr>
              ${['Device', 'Holds', ...cells].map((label) => html`<th scope="col">${label}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${run.rows.map(
              (row) =>
                html`<tr>
                  <th scope="row">${row.name}</th>
                  <td>${formatLayers(...row.layers)}</td>
                  ${[row.queueMs, row.computeMs, row.readBackMs, row.sendMs].map((ms) => html`<td>${formatMilliseconds(ms)}</td>`)}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${run.wayMs === null ? null : html`<p class="small muted">Between devices: ${formatMilliseconds(run.wayMs)} a lap.</p>`}`
  }

  private details(trace: Trace) {
    return html`${trace.error === null ? null : html`<p>${trace.error}</p>`}
      ${trace.choices.map(
        (choice) =>
          html`${ringRuns(choice).map((run) => this.run(run))}
            <ul class="small muted">
              ${happenings(choice).map((sentence) => html`<li>${sentence}</li>`)}
            </ul>`,
      )}
      <p class="small"><button class="plain" @click=${() => this.attempt((client) => this.save(client, trace.id))}>All of it as JSON</button></p>`
  }

  /** A link would carry no key: the trace is asked for by the page, and handed on as a file. */
  private async save(client: TraceClient, id: string): Promise<void> {
    const json = JSON.stringify(await client.read(id), null, 2)
    const url = URL.createObjectURL(new Blob([json], { type: 'application/json' }))
    const link = document.createElement('a')
    link.href = url
    link.download = `${id}.json`
    link.click()
    URL.revokeObjectURL(url)
  }

  protected override render() {
    const { heads, trace } = this
    return html`<section class="card" aria-labelledby="traces">
      <div class="head">
        <h2 id="traces">Where the time went</h2>
        <button @click=${() => this.attempt((client) => this.look(client))}>Look again</button>
      </div>
      <error-note .error=${this.error}></error-note>
      ${
        heads === null || heads.length === 0
          ? html`<p class="small muted">
              No request came by the API yet. Each of them is shown here hop by hop; what was asked and answered is not.
            </p>`
          : html`<div class="scroll">
              <table aria-label="Last requests by the API">
                <thead>
                  <tr>
                    ${['Request', 'Model', 'State', 'Length', 'Took'].map((label) => html`<th scope="col">${label}</th>`)}
                  </tr>
                </thead>
                <tbody>
                  ${heads.slice(0, SHOWN).map((head) => this.row(head))}
                </tbody>
              </table>
            </div>`
      }
      ${trace ? this.details(trace) : null}
    </section>`
  }
}
customElements.define('trace-panel', TracePanel)

declare global {
  interface HTMLElementTagNameMap {
    'trace-panel': TracePanel
  }
}
