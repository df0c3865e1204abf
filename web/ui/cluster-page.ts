import { LitElement, css, html } from 'lit'
import type { ClusterView } from '../../core/cluster/cluster-view.ts'
import { lapFigures } from '../../core/cluster/lap-figures.ts'
import type { Placement } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { PageEngine } from '../engine/page-engine.ts'
import type { TraceClient } from '../engine/trace-client.ts'
import { SHOWN_ROWS, shownRows } from './device-rows.ts'
import './device-table.ts'
import './join-card.ts'
import { countOf, formatMilliseconds } from './quantities.ts'
import { redrawOn } from './redraw-on.ts'
import { modelName, placementPhrase } from './ring-summary.ts'
import './ring-topology.ts'
import { sharedStyles } from './shared-styles.ts'
import './trace-panel.ts'
import { layoutTopology } from './topology-layout.ts'

/**
 * The cluster as a picture and as a table, live.
 *
 * @property engine - what the page knows
 * @property traces - where the time of requests went; null where there is no server to ask
 */
export class ClusterPage extends LitElement {
  static override properties = { engine: { attribute: false }, traces: { attribute: false } }
  declare engine: PageEngine | null
  declare traces: TraceClient | null

  static override styles = [
    sharedStyles,
    css`
      .columns {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
        align-items: start;
        gap: 1.25rem;
        margin-top: 1.75rem;
      }
      .stack {
        display: grid;
        gap: 1.25rem;
        min-width: 0;
      }
      .wide {
        display: block;
        margin-top: 1.25rem;
      }
      .legend {
        margin-top: 0.75rem;
        text-align: center;
      }
      ul {
        margin-top: 0.7rem;
        padding-left: 1.1rem;
      }
      li + li {
        margin-top: 0.4rem;
      }
      li {
        overflow-wrap: anywhere;
      }
      h2 + device-table {
        margin-top: 0.9rem;
      }
    `,
  ]

  constructor() {
    super()
    this.engine = null
    this.traces = null
    redrawOn(this, (redraw) => this.engine?.onChange(redraw) ?? (() => undefined))
  }

  /** Where another device joins; a join token in this page's own address is part of the invitation, a key is not to be handed on. */
  private joinUrl(): string {
    const url = new URL('/contribute', location.origin)
    const token = new URLSearchParams(location.search).get('token')
    if (token !== null && !token.startsWith('rk_')) url.searchParams.set('token', token)
    return url.href
  }

  private picture(view: ClusterView, placement: Placement | null, self: PeerId | null) {
    const state = placement ? placementPhrase(view, placement) : null
    return html`<section class="card" aria-labelledby=${`ring-${placement?.model ?? 'none'}`}>
      <h2 id=${`ring-${placement?.model ?? 'none'}`}>${placement ? modelName(placement.model) : 'No ring yet'}</h2>
      <p class="muted small" role="status">
        ${state ? state.text : html`Nobody holds layers. <a href="/contribute">Lend a device</a>, and the ring forms by itself.`}
      </p>
      <ring-topology
        .topology=${layoutTopology(view, placement, self)}
        .heading=${placement ? modelName(placement.model) : 'No ring'}
        .subheading=${placement && placement.shards.length > 0 ? countOf(placement.numLayers, 'layer') : ''}
      ></ring-topology>
      ${placement && placement.shards.length > 0 ? html`<p class="legend muted small" aria-hidden="true">Thick arcs: memory held of what is lent. Times: there and back.</p>` : null}
    </section>`
  }

  /** What a lap was said to take, and takes. */
  private laps(view: ClusterView, placement: Placement) {
    const { predictedMs, observedMs, queueMs } = lapFigures(view, placement)
    if (observedMs === null) return null
    const said = predictedMs === null ? '' : ` ${formatMilliseconds(predictedMs)} were predicted for a lone answer.`
    const waited = queueMs !== null && queueMs >= 1 ? `, of which ${formatMilliseconds(queueMs)} behind other answers` : ''
    return html`<p>A lap takes ${formatMilliseconds(observedMs)}${waited}.${said}</p>`
  }

  private explanation(view: ClusterView, placement: Placement) {
    if (placement.explanation.length === 0 && !placement.problem) return null
    return html`<section class="card small" aria-labelledby=${`why-${placement.model}`}>
      <h2 id=${`why-${placement.model}`}>Why ${modelName(placement.model)} lies this way</h2>
      ${placement.problem ? html`<p>${placement.problem.message}</p>` : null} ${this.laps(view, placement)}
      <ul>
        ${placement.explanation.map((sentence) => html`<li>${sentence}</li>`)}
      </ul>
    </section>`
  }

  protected override render() {
    const engine = this.engine
    if (!engine) return null
    const view = engine.view()
    const connection = engine.connection()
    const self = connection.state === 'online' ? connection.self : null
    const placements = [...view.placements.values()]
    const rows = shownRows(view, self)
    return html`<div class="page">
      <h1>The cluster</h1>
      <p class="lead">Each device holds some layers. A word travels once around the ring, through every device, for every token of an answer.</p>
      <div class="columns">
        <div class="stack">${(placements.length > 0 ? placements : [null]).map((placement) => this.picture(view, placement, self))}</div>
        <div class="stack">
          <join-card .url=${this.joinUrl()}></join-card>
          <p class="small"><a href="/keys">Keys and invitations</a></p>
          ${placements.map((placement) => this.explanation(view, placement))}
        </div>
      </div>
      <section class="card wide" aria-labelledby="all">
        <h2 id="all">${countOf(view.peers.size + view.unseen, 'peer')}</h2>
        ${rows.length < view.peers.size + view.unseen ? html`<p class="small muted">These are the devices of rings, and ${SHOWN_ROWS} peers at most.</p>` : null}
        <device-table .rows=${rows}></device-table>
      </section>
      ${this.traces ? html`<trace-panel class="wide" .client=${this.traces}></trace-panel>` : null}
    </div>`
  }
}
customElements.define('cluster-page', ClusterPage)

declare global {
  interface HTMLElementTagNameMap {
    'cluster-page': ClusterPage
  }
}
