import { LitElement, css, html } from 'lit'
import { strategySchema, type Placement, type Strategy, type WishState } from '../../../protocol/cluster.ts'
import type { WireError } from '../../../protocol/errors.ts'
import type { ClusterClient } from '../../engine/cluster-client.ts'
import '../parts/error-note.ts'
import { failureOf } from '../parts/failure-of.ts'
import { formRowStyles } from '../parts/form-row-styles.ts'
import { modelName } from '../parts/ring-summary.ts'
import { buttonStyles, fieldStyles, sharedStyles } from '../parts/shared-styles.ts'

const STRATEGY_NAMES: Record<Strategy, string> = {
  'memory-weighted': 'By memory, over all',
  latency: 'One answer fastest',
  throughput: 'Most answers at once',
  auto: 'By what is asked',
}

/**
 * Moves a model's ring, stops it, or drops it.
 *
 * @property client - asks the server
 * @property placement - as it stands
 * @property wished - what is wished of the model
 */
export class PlacementActions extends LitElement {
  static override properties = { client: { attribute: false }, placement: { attribute: false }, wished: {}, error: { state: true } }
  declare client: ClusterClient | null
  declare placement: Placement | null
  declare wished: WishState
  declare private error: WireError | null

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    formRowStyles,
    css`
      .few {
        flex: 0 1 6.5rem;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem;
        margin-top: 0.7rem;
      }
      error-note {
        margin-top: 0.6rem;
      }
    `,
  ]

  constructor() {
    super()
    this.client = null
    this.placement = null
    this.wished = 'serve'
    this.error = null
  }

  private async act(work: (client: ClusterClient) => Promise<void>): Promise<void> {
    const { client } = this
    if (client) this.error = await failureOf(() => work(client))
  }

  private readonly onSubmit = (event: SubmitEvent): void => {
    event.preventDefault()
    const { placement } = this
    const strategy = strategySchema.safeParse(this.renderRoot.querySelector('select')?.value).data
    const most = Number(this.renderRoot.querySelector('input')?.value)
    if (placement && strategy) void this.act((client) => client.place(placement.model, { strategy, maxDevices: most }))
  }

  protected override render() {
    const { placement, wished } = this
    if (!placement) return null
    const { model } = placement
    const isStopped = wished === 'paused' || wished === 'forget'
    return html`<form aria-label="Place ${modelName(model)} anew" @submit=${this.onSubmit}>
        <label
          >Shared out
          <select name="strategy">
            ${strategySchema.options.map((name) => html`<option value=${name} ?selected=${name === placement.strategy}>${STRATEGY_NAMES[name]}</option>`)}
          </select>
        </label>
        <label class="few"
          >At most<input
            name="devices"
            type="number"
            min="1"
            max="1024"
            .value=${String(Math.max(1, placement.shards.length + placement.spares.length))}
        /></label>
        <button type="submit">Move</button>
      </form>
      <div class="actions">
        <button @click=${() => this.act((client) => client.change(model, isStopped ? 'serve' : 'paused'))}>
          ${isStopped ? 'Resume' : 'Stop'} ${modelName(model)}
        </button>
        <button @click=${() => this.act((client) => client.drop(model))}>Drop ${modelName(model)}</button>
      </div>
      <error-note exact .error=${this.error}></error-note>`
  }
}
customElements.define('placement-actions', PlacementActions)

declare global {
  interface HTMLElementTagNameMap {
    'placement-actions': PlacementActions
  }
}
