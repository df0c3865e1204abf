import { LitElement, css, html } from 'lit'
import { toClusterError, toWireError, type WireError } from '../../../protocol/errors.ts'
import type { PeerEntry } from '../../../protocol/cluster.ts'
import type { ModelId } from '../../../protocol/ids.ts'
import type { Preview } from '../../../core/cluster/preview.ts'
import type { PageEngine } from '../../engine/page-engine.ts'
import '../parts/error-note.ts'
import { formRowStyles } from '../parts/form-row-styles.ts'
import { formatLayers, formatMilliseconds } from '../parts/quantities.ts'
import { modelName } from '../parts/ring-summary.ts'
import { buttonStyles, fieldStyles, sharedStyles } from '../parts/shared-styles.ts'

type Pair = { readonly name: string; readonly withIt: Preview; readonly withoutIt: Preview }

/**
 * What a ring would be with and without one device, before anything moves.
 *
 * @property engine - computes it
 * @property model - whose ring
 * @property devices - of which one is chosen
 */
export class PreviewCard extends LitElement {
  static override properties = {
    engine: { attribute: false },
    model: { attribute: false },
    devices: { attribute: false },
    pair: { state: true },
    isBusy: { state: true },
    error: { state: true },
  }
  declare engine: PageEngine | null
  declare model: ModelId | null
  declare devices: readonly PeerEntry[]
  declare private pair: Pair | null
  declare private isBusy: boolean
  declare private error: WireError | null

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    formRowStyles,
    css`
      .pair {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 11rem), 1fr));
        gap: 1rem;
        margin-top: 1rem;
      }
      h3 {
        font-size: var(--text-l);
        overflow-wrap: anywhere;
      }
      ul {
        margin-top: 0.3rem;
        padding-left: 1.1rem;
      }
      li {
        overflow-wrap: anywhere;
      }
    `,
  ]

  constructor() {
    super()
    this.engine = null
    this.model = null
    this.devices = []
    this.pair = null
    this.isBusy = false
    this.error = null
  }

  private readonly onSubmit = (event: SubmitEvent): void => {
    event.preventDefault()
    const id = this.renderRoot.querySelector('select')?.value
    const device = this.devices.find((one) => one.id === id)
    if (device) void this.look(device)
  }

  private async look({ id, name }: PeerEntry): Promise<void> {
    const { engine, model } = this
    if (!engine || !model || this.isBusy) return
    this.isBusy = true
    this.error = null
    try {
      const [withIt, withoutIt] = await Promise.all([engine.preview(model, { including: id }), engine.preview(model, { without: id })])
      this.pair = { name, withIt, withoutIt }
    } catch (thrown) {
      this.error = toWireError(toClusterError(thrown))
    }
    this.isBusy = false
  }

  private side(title: string, { shards, predictedLapMs, problem }: Preview) {
    return html`<div>
      <h3>${title}</h3>
      ${problem === null ? null : html`<p>${problem}</p>`}
      ${predictedLapMs === null ? null : html`<p>About ${formatMilliseconds(predictedLapMs)} a lap.</p>`}
      <ul>
        ${shards.map(({ name, startLayer, endLayer }) => html`<li>${name}: ${formatLayers(startLayer, endLayer)}</li>`)}
      </ul>
    </div>`
  }

  protected override render() {
    const { model, pair } = this
    if (!model || this.devices.length === 0) return null
    const id = `preview-${model}`
    return html`<section class="card" aria-labelledby=${id}>
      <h2 id=${id}>What if, for ${modelName(model)}</h2>
      <form @submit=${this.onSubmit}>
        <label
          >Device
          <select>
            ${this.devices.map((device) => html`<option value=${device.id}>${device.name}</option>`)}
          </select>
        </label>
        <button type="submit" ?disabled=${this.isBusy}>${this.isBusy ? 'Computing…' : 'With and without it'}</button>
      </form>
      <error-note exact .error=${this.error}></error-note>
      <div role="status">
        ${
          pair === null
            ? null
            : html`<div class="pair small">${this.side(`With ${pair.name}`, pair.withIt)}${this.side(`Without ${pair.name}`, pair.withoutIt)}</div>`
        }
      </div>
    </section>`
  }
}
customElements.define('preview-card', PreviewCard)

declare global {
  interface HTMLElementTagNameMap {
    'preview-card': PreviewCard
  }
}
