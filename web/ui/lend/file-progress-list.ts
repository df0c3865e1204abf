import { LitElement, css, html } from 'lit'
import type { FileProgress } from '../../../runtime/ring/file-progress.ts'
import { progressListStyles, progressStyles } from '../parts/progress-styles.ts'
import { formatBytes, percentOf } from '../parts/quantities.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/**
 * How far each file of a download is.
 *
 * @property files - in the order of their names
 */
export class FileProgressList extends LitElement {
  static override properties = { files: { attribute: false } }
  declare files: readonly FileProgress[]

  static override styles = [
    sharedStyles,
    progressStyles,
    progressListStyles,
    css`
      .name {
        overflow-wrap: anywhere;
      }
      progress {
        margin-top: 0.25rem;
      }
    `,
  ]

  constructor() {
    super()
    this.files = []
  }

  private row({ file, loadedBytes, totalBytes }: FileProgress) {
    const state = loadedBytes >= totalBytes ? 'here' : loadedBytes === 0 ? 'waiting' : `${percentOf(loadedBytes, totalBytes)} %`
    return html`<li class="small">
      <div class="head">
        <span class="name">${file}</span>
        <span class="muted figures">${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)} · ${state}</span>
      </div>
      <progress max="100" value=${percentOf(loadedBytes, totalBytes)} aria-label=${file}></progress>
    </li>`
  }

  protected override render() {
    if (this.files.length === 0) return null
    return html`<ul aria-label="Files">
      ${this.files.map((file) => this.row(file))}
    </ul>`
  }
}
customElements.define('file-progress-list', FileProgressList)

declare global {
  interface HTMLElementTagNameMap {
    'file-progress-list': FileProgressList
  }
}
