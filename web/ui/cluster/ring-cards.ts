import { LitElement, css, html } from 'lit'
import { devicesOf, wishStateOf, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import { lapFigures } from '../../../core/cluster/lap-figures.ts'
import type { Placement } from '../../../protocol/cluster.ts'
import type { PeerId } from '../../../protocol/ids.ts'
import type { ClusterClient } from '../../engine/cluster-client.ts'
import type { PageEngine } from '../../engine/page-engine.ts'
import './block-map.ts'
import { blockRows } from './block-rows.ts'
import './placement-actions.ts'
import './preview-card.ts'
import { countOf, formatMilliseconds } from '../parts/quantities.ts'
import { modelName, placementPhrase } from '../parts/ring-summary.ts'
import './ring-topology.ts'
import { sharedStyles } from '../parts/shared-styles.ts'
import { stageRows } from './stage-rows.ts'
import './stage-table.ts'
import { layoutTopology } from './topology-layout.ts'

/** Its picture, why it lies so, what a change would bring. */
export const RING_CARDS = 3

/**
 * One ring: its picture, who holds which layers, what it takes and why it lies so, and what may be done with it.
 *
 * @property view - what is known
 * @property placement - the ring; null draws who is here without one
 * @property self - this page's own peer
 * @property engine - computes previews
 * @property cards - how many of its cards are drawn by now
 * @property client - moves and drops; null where there is no server to ask
 */
export class RingCards extends LitElement {
  static override properties = {
    view: { attribute: false },
    placement: { attribute: false },
    self: { attribute: false },
    engine: { attribute: false },
    client: { attribute: false },
    cards: { attribute: false },
  }
  declare view: ClusterView | null
  declare placement: Placement | null
  declare self: PeerId | null
  declare engine: PageEngine | null
  declare client: ClusterClient | null
  declare cards: number

  static override styles = [
    sharedStyles,
    css`
      :host {
        display: grid;
        gap: 1.25rem;
        min-width: 0;
      }
      .legend {
        margin-top: 0.75rem;
        text-align: center;
      }
      .why ul {
        margin-top: 0.7rem;
        padding-left: 1.1rem;
      }
      .why li {
        overflow-wrap: anywhere;
      }
      .why li + li {
        margin-top: 0.4rem;
      }
    `,
  ]

  constructor() {
    super()
    this.view = null
    this.placement = null
    this.self = null
    this.engine = null
    this.client = null
    this.cards = RING_CARDS
  }

  private picture(view: ClusterView, placement: Placement | null) {
    const state = placement ? placementPhrase(view, placement) : null
    const id = `ring-${placement?.model ?? 'none'}`
    const isRing = placement !== null && placement.shards.length > 0
    return html`<section class="card" aria-labelledby=${id}>
      <h2 id=${id}>${placement ? modelName(placement.model) : 'No ring yet'}</h2>
      <p class="muted small" role="status">
        ${state ? state.text : html`Nobody holds layers. <a href="/contribute">Lend a device</a>, and the ring forms by itself.`}
      </p>
      <ring-topology
        .topology=${layoutTopology(view, placement, this.self)}
        .heading=${placement ? modelName(placement.model) : 'No ring'}
        .subheading=${isRing ? countOf(placement.numLayers, 'layer') : ''}
      ></ring-topology>
      ${
        isRing
          ? html`<p class="legend muted small" aria-hidden="true">
                Thick arcs: memory held of what is lent. Times: there and back, green where near, amber where far. Dots: answers on their way.
              </p>
              <block-map .rows=${blockRows(view, placement)} .layers=${placement.numLayers}></block-map>`
          : null
      }
      ${placement && this.client ? html`<placement-actions .client=${this.client} .placement=${placement} .wished=${wishStateOf(view, placement.model)}></placement-actions>` : null}
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

  private why(view: ClusterView, placement: Placement) {
    if (placement.explanation.length === 0 && !placement.problem) return null
    const id = `why-${placement.model}`
    return html`<section class="card small why" aria-labelledby=${id}>
      <h2 id=${id}>Why ${modelName(placement.model)} lies this way</h2>
      ${placement.problem ? html`<p>${placement.problem.message}</p>` : null} ${this.laps(view, placement)}
      ${placement.shards.length > 0 ? html`<stage-table .rows=${stageRows(view, placement)}></stage-table>` : null}
      <ul>
        ${placement.explanation.map((sentence) => html`<li>${sentence}</li>`)}
      </ul>
    </section>`
  }

  protected override render() {
    const { view, placement } = this
    if (!view) return null
    const picture = this.picture(view, placement)
    if (!placement) return picture
    return html`${picture}${this.cards > 1 ? this.why(view, placement) : null}${
      this.cards > 2 ? html`<preview-card .engine=${this.engine} .model=${placement.model} .devices=${devicesOf(view)}></preview-card>` : null
    }`
  }
}
customElements.define('ring-cards', RingCards)

declare global {
  interface HTMLElementTagNameMap {
    'ring-cards': RingCards
  }
}
