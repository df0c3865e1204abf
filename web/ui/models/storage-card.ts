import { LitElement, css, html } from 'lit'
import { toClusterError, toWireError, type WireError } from '../../../protocol/errors.ts'
import type { ModelStore, StorageQuota, StoredModel } from '../../storage/model-store.ts'
import '../parts/error-note.ts'
import { formatBytes } from '../parts/quantities.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'

/**
 * What this browser keeps of models, and how much room there is.
 *
 * @property store - the models that this browser keeps
 */
export class StorageCard extends LitElement {
  static override properties = { store: { attribute: false }, models: { state: true }, quota: { state: true }, error: { state: true } }
  declare store: ModelStore | null
  declare private models: readonly StoredModel[] | null
  declare private quota: StorageQuota | null
  declare private error: WireError | null
  private unsubscribe: (() => void) | null = null

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      ul {
        display: grid;
        gap: 0.5rem;
        margin-top: 0.9rem;
        list-style: none;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 0.1rem 0.75rem;
      }
      .name {
        flex: 1 1 6rem;
        overflow-wrap: anywhere;
      }
      p {
        margin-top: 0.4rem;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem;
        margin-top: 0.9rem;
      }
      error-note {
        margin-top: 0.6rem;
      }
    `,
  ]

  constructor() {
    super()
    this.store = null
    this.models = null
    this.quota = null
    this.error = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.unsubscribe = this.store?.onChange(() => void this.look()) ?? null
    void this.look()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.unsubscribe?.()
    this.unsubscribe = null
  }

  private async look(): Promise<void> {
    const { store } = this
    if (!store) return
    try {
      const [models, quota] = await Promise.all([store.list(), store.quota()])
      this.models = models
      this.quota = quota
      this.error = null
    } catch (thrown) {
      this.error = toWireError(toClusterError(thrown))
    }
  }

  private async change(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
      await this.look()
    } catch (thrown) {
      this.error = toWireError(toClusterError(thrown))
    }
  }

  private row(store: ModelStore, model: StoredModel) {
    return html`<li>
      <span class="name">${model.name}</span>
      <span class="small muted figures">${formatBytes(model.bytes)}</span>
      <button class="plain" aria-label="Delete ${model.name} from this browser" @click=${() => this.change(() => store.remove(model.id))}>
        Delete
      </button>
    </li>`
  }

  protected override render() {
    const { store, models, quota } = this
    const state = store?.state() ?? null
    return html`<section class="card" aria-labelledby="storage" aria-busy=${models || this.error ? 'false' : 'true'}>
      <h2 id="storage">Kept in this browser</h2>
      ${quota ? html`<p class="small muted figures">${formatBytes(quota.usedBytes)} used of ${formatBytes(quota.quotaBytes)} that this browser gives.</p>` : null}
      ${state ? html`<p class="small muted">${state.reason}</p>` : null}
      ${state?.problem ? html`<p class="small" role="alert">${state.problem}</p>` : null}
      <error-note exact .error=${this.error}></error-note>
      ${models?.length === 0 ? html`<p class="small muted">No model yet. What this device downloads is kept for next time.</p>` : null}
      ${
        store && models
          ? html`<ul>
              ${models.map((model) => this.row(store, model))}
            </ul>`
          : null
      }
      ${
        store && models && models.length > 0
          ? html`<div class="actions">
              <button @click=${() => this.change(() => store.removeAll())}>Delete all</button>
              ${quota && !quota.isPersisted ? html`<button @click=${() => this.change(() => store.persist())}>Keep until I delete</button>` : null}
            </div>`
          : null
      }
    </section>`
  }
}
customElements.define('storage-card', StorageCard)

declare global {
  interface HTMLElementTagNameMap {
    'storage-card': StorageCard
  }
}
