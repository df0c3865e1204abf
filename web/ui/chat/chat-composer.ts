import { LitElement, html } from 'lit'
import type { Attachment } from '../../chat/chat-record.ts'
import { icon } from '../parts/icons.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import { composerStyles } from './composer-styles.ts'
import './file-chips.ts'

/**
 * Where a question is written. Enter sends, Shift+Enter breaks the line, the up arrow in an empty field edits the last question.
 *
 * @property draft - text in the field
 * @property files - what goes with it
 * @property running - an answer is being written: the button stops it
 * @fires {CustomEvent<string>} draft-change - the text was edited
 * @fires {CustomEvent<readonly File[]>} give-files - files were chosen, dropped or pasted
 * @fires {CustomEvent<string>} paste-text - text was pasted; when nobody takes it (preventDefault), it goes into the field
 * @fires {CustomEvent<number>} remove-file - one of the files should go
 * @fires send - asks with the draft
 * @fires stop - ends the running answer
 * @fires recall - edits the last question
 */
export class ChatComposer extends LitElement {
  static override properties = { draft: {}, files: { attribute: false }, running: { type: Boolean }, dropping: { state: true } }
  declare draft: string
  declare files: readonly Attachment[]
  declare running: boolean
  declare private dropping: boolean

  static override styles = [sharedStyles, buttonStyles, composerStyles]

  constructor() {
    super()
    this.draft = ''
    this.files = []
    this.running = false
    this.dropping = false
  }

  /** Puts the cursor into the field. */
  override focus(): void {
    this.renderRoot.querySelector('textarea')?.focus()
  }

  private tell(type: string, detail?: unknown): boolean {
    return this.dispatchEvent(new CustomEvent(type, { detail, cancelable: true }))
  }

  private readonly onInput = (event: InputEvent): void => {
    if (event.target instanceof HTMLTextAreaElement) this.tell('draft-change', event.target.value)
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    // While an input method composes, Enter chooses its suggestion.
    if (event.isComposing) return
    if (event.key === 'ArrowUp' && this.draft === '') {
      event.preventDefault()
      this.tell('recall')
    }
    if (event.key !== 'Enter' || event.shiftKey) return
    event.preventDefault()
    if (!this.running) this.tell('send')
  }

  private readonly onPaste = (event: ClipboardEvent): void => {
    const files = [...(event.clipboardData?.files ?? [])]
    const text = event.clipboardData?.getData('text/plain') ?? ''
    if (files.length > 0) this.tell('give-files', files)
    if (files.length > 0 || (text !== '' && !this.tell('paste-text', text))) event.preventDefault()
  }

  private readonly onDrop = (event: DragEvent): void => {
    event.preventDefault()
    this.dropping = false
    const files = [...(event.dataTransfer?.files ?? [])]
    if (files.length > 0) this.tell('give-files', files)
  }
  private readonly onDrag = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    this.dropping = true
  }

  private readonly onChoose = (event: Event): void => {
    if (!(event.target instanceof HTMLInputElement)) return
    this.tell('give-files', [...(event.target.files ?? [])])
    event.target.value = ''
  }

  private button() {
    if (this.running) {
      return html`<button class="primary round" @click=${() => this.tell('stop')} aria-label="Stop" title="Stop (Esc)">
        <svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true"><rect x="6" y="6" width="12" height="12" rx="2.5"></rect></svg>
      </button>`
    }
    return html`<button
      class="primary round"
      @click=${() => this.tell('send')}
      ?disabled=${this.draft.trim() === '' && this.files.length === 0}
      aria-label="Send"
      title="Send (Enter)"
    >
      <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
        <path d="M12 19V5M6 11l6-6 6 6"></path>
      </svg>
    </button>`
  }

  protected override render() {
    return html`<div
      class="box ${this.dropping ? 'dropping' : ''}"
      @dragover=${this.onDrag}
      @dragleave=${() => (this.dropping = false)}
      @drop=${this.onDrop}
    >
      <file-chips removable .files=${this.files} @remove-file=${(event: CustomEvent<number>) => this.tell('remove-file', event.detail)}></file-chips>
      <div class="row">
        <label class="attach" title="Attach text files">
          <input type="file" multiple aria-label="Attach text files" @change=${this.onChoose} />
          ${icon('attach')}
        </label>
        <textarea
          rows="1"
          aria-label="Your question"
          placeholder="Ask the ring…"
          enterkeyhint="send"
          .value=${this.draft}
          @input=${this.onInput}
          @keydown=${this.onKey}
          @paste=${this.onPaste}
        ></textarea>
        ${this.button()}
      </div>
    </div>`
  }
}
customElements.define('chat-composer', ChatComposer)

declare global {
  interface HTMLElementTagNameMap {
    'chat-composer': ChatComposer
  }
}
