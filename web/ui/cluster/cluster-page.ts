import { LitElement, css, html, type TemplateResult } from 'lit'
import { devicesOf, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { PeerId } from '../../../protocol/ids.ts'
import { addressesOf, type ClusterClient, type ServerAddresses } from '../../engine/cluster-client.ts'
import type { PageEngine } from '../../engine/page-engine.ts'
import type { TraceClient } from '../../engine/trace-client.ts'
import './cluster-log-card.ts'
import type { ClusterLog } from './cluster-log.ts'
import './device-actions.ts'
import { SHOWN_ROWS, shownRows } from './device-rows.ts'
import './device-table.ts'
import { drawInSteps } from '../parts/draw-in-steps.ts'
import '../parts/join-card.ts'
import { joinUrl } from '../parts/join-url.ts'
import type { LinkAges } from '../parts/link-ages.ts'
import { countOf } from '../parts/quantities.ts'
import { redrawOn } from '../parts/redraw-on.ts'
import { RING_CARDS } from './ring-cards.ts'
import './rtt-matrix.ts'
import { sharedStyles } from '../parts/shared-styles.ts'
import './trace-panel.ts'

/**
 * The cluster as a picture and as tables, live, and what may be done with it.
 *
 * @property engine - what the page knows
 * @property traces - where the time of requests went; null where there is no server to ask
 * @property client - what may be done; null as above
 * @property log - what happened
 * @property ages - round trips and how old they are
 */
export class ClusterPage extends LitElement {
  static override properties = {
    engine: { attribute: false },
    traces: { attribute: false },
    client: { attribute: false },
    log: { attribute: false },
    ages: { attribute: false },
    addresses: { state: true },
  }
  declare engine: PageEngine | null
  declare traces: TraceClient | null
  declare client: ClusterClient | null
  declare log: ClusterLog | null
  declare ages: LinkAges | null
  declare private addresses: ServerAddresses | null

  private readonly steps = drawInSteps(this, 1, 0)
  /** Every part has been drawn once: what comes from then on is drawn at once, and nothing goes for it. */
  private isDrawn = false

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
      h2 + device-table {
        margin-top: 0.9rem;
      }
    `,
  ]

  constructor() {
    super()
    this.engine = null
    this.traces = null
    this.client = null
    this.log = null
    this.ages = null
    this.addresses = null
    redrawOn(this, (redraw) => this.engine?.onChange(redraw) ?? (() => undefined))
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void addressesOf(this.client).then((addresses) => (this.addresses = addresses))
  }

  private peers(view: ClusterView, self: PeerId | null) {
    const rows = shownRows(view, self)
    return html`<section class="card wide" aria-labelledby="all">
      <h2 id="all">${countOf(view.peers.size + view.unseen, 'peer')}</h2>
      ${rows.length < view.peers.size + view.unseen ? html`<p class="small muted">These are the devices of rings, and ${SHOWN_ROWS} peers at most.</p>` : null}
      <device-table .rows=${rows}></device-table>
    </section>`
  }

  private roundTrips(view: ClusterView) {
    return html`<section class="card wide" aria-labelledby="round-trips">
      <h2 id="round-trips">Round trips between devices</h2>
      <rtt-matrix .devices=${devicesOf(view)} .ages=${this.ages}></rtt-matrix>
    </section>`
  }

  /** Beside the picture, or below it. */
  private asides(view: ClusterView): readonly (TemplateResult | null)[] {
    const browsers = devicesOf(view).filter(({ role }) => role === 'device')
    return [
      html`<join-card .url=${joinUrl(location, this.addresses)} .trust=${this.addresses?.trust ?? null}></join-card>
        <p class="small"><a href="/keys">Keys and invitations</a></p>`,
      this.client ? html`<device-actions .client=${this.client} .devices=${browsers.slice(0, SHOWN_ROWS)}></device-actions>` : null,
      html`<cluster-log-card .entries=${this.log?.entries() ?? []}></cluster-log-card>`,
    ]
  }

  /** How many of so many parts are drawn by now. */
  private turns(parts: number): number {
    const turns = this.isDrawn ? parts : this.steps(Array.from({ length: parts })).length
    this.isDrawn = turns === parts
    return turns
  }

  protected override render() {
    const engine = this.engine
    if (!engine) return null
    const view = engine.view()
    const connection = engine.connection()
    const self = connection.state === 'online' ? connection.self : null
    const placements = view.placements.size > 0 ? [...view.placements.values()] : [null]
    const asides = this.asides(view)
    const traces = this.traces ? html`<trace-panel class="wide" .client=${this.traces}></trace-panel>` : null
    const below = [...asides, this.peers(view, self), this.roundTrips(view), traces]
    const inRings = placements.length * RING_CARDS
    const turns = this.turns(inRings + below.length)
    const rings = placements.slice(0, Math.ceil(turns / RING_CARDS)).map((placement, index) => {
      const cards = turns - index * RING_CARDS
      return html`<ring-cards
        .view=${view}
        .placement=${placement}
        .self=${self}
        .engine=${engine}
        .client=${this.client}
        .cards=${cards}
      ></ring-cards>`
    })
    const drawn = below.slice(0, Math.max(0, turns - inRings))
    return html`<div class="page">
      <h1>The cluster</h1>
      <p class="lead">Each device holds some layers. A word travels once around the ring, through every device, for every token of an answer.</p>
      <div class="columns">
        <div class="stack">${rings}</div>
        <div class="stack">${drawn.slice(0, asides.length)}</div>
      </div>
      ${drawn.slice(asides.length)}
    </div>`
  }
}
customElements.define('cluster-page', ClusterPage)

declare global {
  interface HTMLElementTagNameMap {
    'cluster-page': ClusterPage
  }
}
