import { LitElement, css, html } from 'lit'
import type { ShardRow } from './model-state.ts'
import { progressListStyles, progressStyles } from '../parts/progress-styles.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/**
 * What each device does for one model: its layers, how far it is, and how fast.
 *
 * @property rows - a device each
 */
export class ModelProgress extends LitElement {
  static override properties = { rows: { attribute: false } }
  declare rows: readonly ShardRow[]

  static override styles = [
    sharedStyles,
    progressStyles,
    progressListStyles,
    css`
      .device {
        font-weight: 560;
        overflow-wrap: anywhere;
      }
      .detail {
        overflow-wrap: anywhere;
      }
      .failed {
        color: var(--bad);
      }
      progress {
        margin-top: 0.3rem;
      }
    `,
  ]

  constructor() {
    super()
    this.rows = []
  }

  private row({ device, layers, detail, percent, isFailed }: ShardRow) {
    return html`<li class="small">
      <div class="head">
        <span><span class="device">${device}</span> <span class="muted">${layers}</span></span>
        <span class="detail figures ${isFailed ? 'failed' : 'muted'}">${detail}</span>
      </div>
      ${percent === null ? null : html`<progress max="100" value=${percent} aria-label="${device}, ${layers}"></progress>`}
    </li>`
  }

  protected override render() {
    return this.rows.length === 0
      ? null
      : html`<ul aria-label="Devices">
          ${this.rows.map((row) => this.row(row))}
        </ul>`
  }
}
customElements.define('model-progress', ModelProgress)

declare global {
  interface HTMLElementTagNameMap {
    'model-progress': ModelProgress
  }
}
