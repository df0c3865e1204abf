import { LitElement, css, html } from 'lit'
import { toClusterError, toWireError, type WireError } from '../../../protocol/errors.ts'
import { isModelId, type ModelId } from '../../../protocol/ids.ts'
import type { PickedModel } from '../../storage/picked-source.ts'
import { droppedFiles } from './dropped-files.ts'
import '../parts/error-note.ts'
import { formatBytes } from '../parts/quantities.ts'
import { buttonStyles, fieldStyles, sharedStyles } from '../parts/shared-styles.ts'

export type FilesToSend = { readonly model: ModelId; readonly files: PickedModel['files'] }

/** A folder's name as a model may be called. */
const modelNameOf = (name: string): string =>
  name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 90) || 'model'

/**
 * Adding a model: by its name or address on the hub, or from files of this device.
 *
 * @property busy - the server is looking
 * @property error - why what was looked up is not there
 * @fires {CustomEvent<string>} look-up - a name or address
 * @fires {CustomEvent<FilesToSend>} send - checked files, and what the model is to be called
 */
export class ModelAdd extends LitElement {
  static override properties = {
    busy: { type: Boolean },
    error: { attribute: false },
    picked: { state: true },
    problem: { state: true },
    isOver: { state: true },
  }
  declare busy: boolean
  declare error: WireError | null
  declare private picked: PickedModel | 'reading' | null
  /** Why the files cannot be a model here. */
  declare private problem: WireError | null
  declare private isOver: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    css`
      .columns {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
        gap: 1.25rem;
        margin-top: 0.9rem;
      }
      .row {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem;
        margin-top: 0.25rem;
      }
      .row input {
        flex: 1 1 12rem;
        min-width: 0;
      }
      .drop {
        padding: 0.9rem 1rem;
        border: 1.5px dashed color-mix(in oklab, var(--line), var(--muted) 40%);
        border-radius: 10px;
      }
      .drop.over {
        border-color: var(--accent);
        background: var(--accent-soft);
      }
      .drop .row {
        margin-top: 0.6rem;
      }
      p.small {
        margin-top: 0.35rem;
      }
      error-note {
        margin-top: 0.6rem;
      }
    `,
  ]

  constructor() {
    super()
    this.busy = false
    this.error = null
    this.picked = null
    this.problem = null
    this.isOver = false
  }

  private readonly lookUp = (event: SubmitEvent): void => {
    event.preventDefault()
    const field = this.renderRoot.querySelector<HTMLInputElement>('#reference')
    const reference = field?.value.trim() ?? ''
    if (reference !== '') this.dispatchEvent(new CustomEvent<string>('look-up', { detail: reference }))
    else field?.focus()
  }

  private async take(files: Iterable<File>): Promise<void> {
    this.problem = null
    this.picked = 'reading'
    try {
      // What reads checkpoints weighs as much as all pages, and few visits pick files.
      const { openPicked } = await import('../../storage/picked-source.ts')
      this.picked = await openPicked(files)
    } catch (thrown) {
      this.picked = null
      this.problem = toWireError(toClusterError(thrown))
    }
  }

  private readonly onPick = (event: Event): void => {
    const field = event.target
    if (!(field instanceof HTMLInputElement) || !field.files || field.files.length === 0) return
    void this.take([...field.files])
    // The same folder may be picked again.
    field.value = ''
  }

  private readonly onDrop = async (event: DragEvent): Promise<void> => {
    event.preventDefault()
    this.isOver = false
    if (event.dataTransfer) await this.take(await droppedFiles(event.dataTransfer))
  }

  private readonly send = (event: SubmitEvent): void => {
    event.preventDefault()
    const field = this.renderRoot.querySelector<HTMLInputElement>('#called')
    const model = field?.value.trim()
    if (!field || !this.picked || this.picked === 'reading') return
    field.setCustomValidity(isModelId(model) ? '' : 'A name has letters, digits, dots and dashes, and may have one slash: NAME or ORG/NAME.')
    if (!field.reportValidity() || !isModelId(model)) return
    this.dispatchEvent(new CustomEvent<FilesToSend>('send', { detail: { model, files: this.picked.files } }))
    this.picked = null
  }

  private open(id: string): void {
    this.renderRoot.querySelector<HTMLInputElement>(id)?.click()
  }

  private files() {
    const { picked } = this
    if (picked === 'reading') return html`<p class="small" role="status">Looking at the files…</p>`
    if (picked)
      return html`<form novalidate @submit=${this.send}>
        <label for="called">Call it</label>
        <div class="row">
          <input id="called" type="text" autocomplete="off" .value=${modelNameOf(picked.name)} />
          <button class="primary" type="submit">Upload ${formatBytes(picked.totalBytes)}</button>
          <button type="button" @click=${() => (this.picked = null)}>Cancel</button>
        </div>
      </form>`
    return html`<p class="label">From files of this device</p>
      <p class="small muted">Drop a model’s folder here, or choose it. The server keeps it for every device.</p>
      <div class="row">
        <button type="button" @click=${() => this.open('#folder')}>Choose a folder</button>
        <button type="button" @click=${() => this.open('#files')}>Choose files</button>
      </div>
      <input id="folder" type="file" webkitdirectory multiple hidden aria-label="Folder of a model" @change=${this.onPick} />
      <input id="files" type="file" multiple hidden aria-label="Files of a model" @change=${this.onPick} />`
  }

  protected override render() {
    const over = (isOver: boolean) => (event: DragEvent) => {
      event.preventDefault()
      this.isOver = isOver
    }
    return html`<section class="card" aria-labelledby="add">
      <h2 id="add">Add a model</h2>
      <div class="columns">
        <form @submit=${this.lookUp}>
          <label for="reference">Name or address on the hub</label>
          <div class="row">
            <input id="reference" type="text" autocomplete="off" spellcheck="false" autocapitalize="none" placeholder="org/name" />
            <button class="primary" type="submit" ?disabled=${this.busy}>${this.busy ? 'Looking…' : 'Look up'}</button>
          </div>
          <p class="small muted">A revision may follow (org/name@v1.0), or a file (org/name/model.gguf).</p>
          <error-note exact .error=${this.error}></error-note>
        </form>
        <div>
          <div class="drop ${this.isOver ? 'over' : ''}" @dragover=${over(true)} @dragleave=${over(false)} @drop=${this.onDrop}>${this.files()}</div>
          <error-note exact .error=${this.problem}></error-note>
        </div>
      </div>
    </section>`
  }
}
customElements.define('model-add', ModelAdd)

declare global {
  interface HTMLElementTagNameMap {
    'model-add': ModelAdd
  }
}
