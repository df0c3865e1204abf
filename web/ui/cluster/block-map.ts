import { LitElement, css, html, svg } from 'lit'
import { missingLayers, type Block, type BlockRow } from './block-rows.ts'
import { countOf, formatLayers } from '../parts/quantities.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/** Width of a layer in the drawing, which is stretched to the card. */
const UNIT = 10
const STATE_WORDS: Record<Block['state'], string> = {
  ready: 'online',
  loading: 'joining',
  failed: 'failed',
  idle: 'stopped',
  missing: 'offline',
}

/**
 * Who serves which layers, over the whole model: a row a device, a bar a range.
 *
 * @property rows - devices with their ranges
 * @property layers - how many the model has
 */
export class BlockMap extends LitElement {
  static override properties = { rows: { attribute: false }, layers: { type: Number } }
  declare rows: readonly BlockRow[]
  declare layers: number

  static override styles = [
    sharedStyles,
    css`
      ul {
        display: grid;
        gap: 0.55rem;
        margin-top: 0.9rem;
        list-style: none;
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0 0.75rem;
      }
      .name {
        font-weight: 560;
        overflow-wrap: anywhere;
      }
      svg {
        display: block;
        width: 100%;
        height: 0.8rem;
        margin-top: 0.2rem;
        border-radius: var(--radius-full);
        background: var(--sunken);
        overflow: hidden;
      }
      rect.loading,
      rect.spare {
        opacity: 0.5;
      }
      rect.idle {
        opacity: 0.25;
      }
      rect.failed,
      rect.missing {
        fill: var(--bad);
      }
      p {
        margin-top: 0.8rem;
      }
    `,
  ]

  constructor() {
    super()
    this.rows = []
    this.layers = 0
  }

  private block({ startLayer, endLayer, state, isSpare }: Block, color: string) {
    return svg`<rect class="${state} ${isSpare ? 'spare' : ''}" x=${startLayer * UNIT} y="0" width=${(endLayer - startLayer) * UNIT} height="8" fill=${color}></rect>`
  }

  private row({ name, order, blocks }: BlockRow) {
    const words = blocks.map(
      ({ startLayer, endLayer, state, isSpare }) =>
        `${formatLayers(startLayer, endLayer)} ${isSpare ? `spare, ${STATE_WORDS[state]}` : STATE_WORDS[state]}`,
    )
    return html`<li class="small">
      <div class="head"><span class="name">${name}</span><span class="muted figures">${words.join(', ') || 'spare, holds nothing'}</span></div>
      <svg viewBox="0 0 ${Math.max(1, this.layers) * UNIT} 8" preserveAspectRatio="none" aria-hidden="true">
        ${blocks.map((block) => this.block(block, order === null ? 'var(--line-strong)' : `var(--ring-${order % 8})`))}
      </svg>
    </li>`
  }

  protected override render() {
    const missing = missingLayers(this.rows, this.layers)
    return html`<ul aria-label="Layers by device">
        ${this.rows.map((row) => this.row(row))}
      </ul>
      <p class="small muted" role="status">
        ${missing.length === 0 ? 'Healthy: each layer is online.' : `${countOf(missing.length, 'layer')} of ${this.layers} ${missing.length === 1 ? 'is' : 'are'} not online, so the model does not answer.`}
      </p>`
  }
}
customElements.define('block-map', BlockMap)

declare global {
  interface HTMLElementTagNameMap {
    'block-map': BlockMap
  }
}
