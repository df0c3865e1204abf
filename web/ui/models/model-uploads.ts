import { LitElement, css, html } from 'lit'
import type { Upload } from '../../../protocol/catalog.ts'
import type { ModelId } from '../../../protocol/ids.ts'
import type { Sending } from './catalog-session.ts'
import '../parts/error-note.ts'
import { progressStyles } from '../parts/progress-styles.ts'
import { formatBytes, formatSeconds, percentOf } from '../parts/quantities.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import type { TransferSpeed } from '../parts/transfer-speed.ts'

/**
 * Files on their way to the server, and what has arrived of others.
 *
 * @property sending - uploads of this page
 * @property uploads - what waits on the server
 * @property speedOf - speed of an upload
 * @fires {CustomEvent<ModelId>} stop - an upload is to stop; what arrived stays
 * @fires {CustomEvent<ModelId>} resume - an upload of this page goes on
 * @fires {CustomEvent<ModelId>} discard - what arrived is to be deleted
 */
export class ModelUploads extends LitElement {
  static override properties = { sending: { attribute: false }, uploads: { attribute: false }, speedOf: { attribute: false } }
  declare sending: readonly Sending[]
  declare uploads: readonly Upload[]
  declare speedOf: (sending: Sending) => TransferSpeed

  static override styles = [
    sharedStyles,
    buttonStyles,
    progressStyles,
    css`
      ul {
        display: grid;
        gap: 1rem;
        margin-top: 0.8rem;
        list-style: none;
      }
      .row {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        justify-content: space-between;
        gap: 0.2rem 0.75rem;
      }
      code {
        font: 0.9em var(--mono);
        overflow-wrap: anywhere;
      }
      progress {
        margin: 0.35rem 0;
      }
      .actions {
        display: flex;
        gap: 0.5rem;
        margin-top: 0.3rem;
      }
      button {
        min-height: 2.1rem;
        padding: 0.2rem 0.8rem;
        font-size: 0.9rem;
      }
    `,
  ]

  constructor() {
    super()
    this.sending = []
    this.uploads = []
    this.speedOf = () => ({ bytesPerSecond: null, etaSeconds: null })
  }

  private button(kind: 'stop' | 'resume' | 'discard', label: string, model: ModelId) {
    const tell = (): boolean => this.dispatchEvent(new CustomEvent<ModelId>(kind, { detail: model }))
    return html`<button aria-label="${label}: ${model}" @click=${tell}>${label}</button>`
  }

  private mine(one: Sending) {
    const { model, sentBytes, totalBytes, state } = one
    const speed = this.speedOf(one)
    const parts = [`${formatBytes(sentBytes)} of ${formatBytes(totalBytes)}`]
    if (state === 'stopped') parts.push('stopped')
    if (state === 'sending' && sentBytes === totalBytes) parts.push('the server checks it')
    if (state === 'sending' && speed.bytesPerSecond !== null) parts.push(`${formatBytes(speed.bytesPerSecond)}/s`)
    if (state === 'sending' && speed.etaSeconds !== null) parts.push(`${formatSeconds(speed.etaSeconds)} left`)
    return html`<li>
      <div class="row"><code>${model}</code><span class="small muted figures">${parts.join(' · ')}</span></div>
      <progress max="100" value=${percentOf(sentBytes, totalBytes)} aria-label="Upload of ${model}"></progress>
      <error-note exact .error=${one.error}></error-note>
      <div class="actions">
        ${state === 'sending' ? this.button('stop', 'Stop', model) : this.button('resume', 'Resume', model)}
        ${this.button('discard', 'Delete', model)}
      </div>
    </li>`
  }

  private foreign({ model, files }: Upload) {
    const received = files.reduce((sum, file) => sum + file.received, 0)
    return html`<li>
      <div class="row"><code>${model}</code><span class="small muted figures">${formatBytes(received)} arrived</span></div>
      <p class="small muted">To go on, choose the same files again and give the model the same name.</p>
      <div class="actions">${this.button('discard', 'Delete', model)}</div>
    </li>`
  }

  protected override render() {
    const others = this.uploads.filter(({ model }) => !this.sending.some((one) => one.model === model))
    if (this.sending.length + others.length === 0) return null
    return html`<section class="card" aria-labelledby="uploads">
      <h2 id="uploads">Uploads</h2>
      <ul>
        ${this.sending.map((one) => this.mine(one))} ${others.map((upload) => this.foreign(upload))}
      </ul>
    </section>`
  }
}
customElements.define('model-uploads', ModelUploads)

declare global {
  interface HTMLElementTagNameMap {
    'model-uploads': ModelUploads
  }
}
