import { LitElement, css, html } from 'lit'
import { toClusterError, toWireError, type WireError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import { listModels } from '../engine/list-models.ts'
import type { PageEngine } from '../engine/page-engine.ts'
import './error-note.ts'
import { redrawOn } from './redraw-on.ts'
import { modelName, placementPhrase, servedModels } from './ring-summary.ts'
import { sharedStyles } from './shared-styles.ts'

/**
 * The models of this server, each with its state on this cluster.
 *
 * @property engine - what the page knows
 */
export class ModelsPage extends LitElement {
  static override properties = { engine: { attribute: false }, listed: { state: true }, error: { state: true } }
  declare engine: PageEngine | null
  declare private listed: readonly ModelId[] | null
  declare private error: WireError | null

  static override styles = [
    sharedStyles,
    css`
      ul {
        display: grid;
        gap: 0.75rem;
        margin-top: 1.75rem;
        list-style: none;
      }
      li {
        overflow-wrap: anywhere;
      }
      code {
        font: 0.85em var(--mono);
      }
      .state {
        margin-top: 0.25rem;
      }
      .state::before {
        content: '';
        display: inline-block;
        width: 0.55rem;
        height: 0.55rem;
        margin-right: 0.5rem;
        border-radius: 50%;
        background: var(--muted);
      }
      .ready::before {
        background: var(--good);
      }
      .working::before {
        background: var(--warn);
      }
      .problem::before {
        background: var(--bad);
      }
      error-note {
        margin-top: 1.25rem;
      }
    `,
  ]

  constructor() {
    super()
    this.engine = null
    this.listed = null
    this.error = null
    redrawOn(this, (redraw) => this.engine?.onChange(redraw) ?? (() => undefined))
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.load()
  }

  private async load(): Promise<void> {
    try {
      this.listed = await listModels(fetch)
      this.error = null
    } catch (thrown) {
      this.error = toWireError(toClusterError(thrown))
    }
  }

  private model(model: ModelId, engine: PageEngine) {
    const view = engine.view()
    const placement = view.placements.get(model)
    const state = placement
      ? placementPhrase(view, placement)
      : { tone: 'idle', text: view.wishes.has(model) ? 'waiting for devices' : 'on the server, not loaded', wantsDevices: false }
    return html`<li class="card">
      <h2>${modelName(model)}</h2>
      <p class="muted small"><code>${model}</code></p>
      <p class="state small ${state.tone}">${state.text}${state.wantsDevices ? html` · <a href="/contribute">Lend a device</a>` : null}</p>
    </li>`
  }

  protected override render() {
    const engine = this.engine
    if (!engine) return null
    const models = [...new Set([...(this.listed ?? []), ...servedModels(engine.view())])]
    return html`<div class="page">
      <h1>Models</h1>
      <p class="lead">What this server has, and how each model stands on the cluster.</p>
      <error-note .error=${this.error}></error-note>
      <ul aria-busy=${this.listed || this.error ? 'false' : 'true'}>
        ${models.map((model) => this.model(model, engine))}
      </ul>
      ${this.listed && models.length === 0 ? html`<p class="muted">No models yet.</p>` : null}
    </div>`
  }
}
customElements.define('models-page', ModelsPage)

declare global {
  interface HTMLElementTagNameMap {
    'models-page': ModelsPage
  }
}
