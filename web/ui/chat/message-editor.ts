import { LitElement, css, html } from 'lit'
import { isMacLike } from '../../chat/shortcuts.ts'
import { buttonStyles, fieldStyles, sharedStyles } from '../parts/shared-styles.ts'

/**
 * Changes a text. Ctrl or Cmd with Enter saves, Esc leaves it as it was.
 *
 * @property text - what it begins with
 * @property label - what the field is called
 * @property yes - what saving is called
 * @fires {CustomEvent<string>} save - the new text
 * @fires leave - it stays as it was
 */
export class MessageEditor extends LitElement {
  static override properties = { text: {}, label: {}, yes: {} }
  declare text: string
  declare label: string
  declare yes: string

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    css`
      textarea {
        display: block;
        max-height: 60vh;
        padding: 0.6rem 0.8rem;
        resize: vertical;
        field-sizing: content;
        line-height: 1.55;
      }
      .actions {
        display: flex;
        align-items: center;
        justify-content: flex-end;
        gap: var(--space-2);
        margin-top: var(--space-2);
      }
      .hint {
        margin-right: auto;
      }
      button {
        min-height: 2.1rem;
        font-size: var(--text-m);
      }
    `,
  ]

  constructor() {
    super()
    this.text = ''
    this.label = ''
    this.yes = 'Save'
  }

  protected override firstUpdated(): void {
    const field = this.field()
    field?.focus()
    field?.setSelectionRange(field.value.length, field.value.length)
  }

  private readonly field = (): HTMLTextAreaElement | null => this.renderRoot.querySelector('textarea')

  private save(): void {
    this.dispatchEvent(new CustomEvent<string>('save', { detail: this.field()?.value ?? this.text }))
  }
  private leave(): void {
    this.dispatchEvent(new CustomEvent('leave'))
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.isComposing) return
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.save()
    else if (event.key === 'Escape' && !event.shiftKey) this.leave()
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  protected override render() {
    return html`<textarea rows="2" aria-label=${this.label} .value=${this.text} @keydown=${this.onKey}></textarea>
      <div class="actions">
        <span class="hint muted small">${isMacLike(navigator.userAgent) ? '⌘' : 'Ctrl'} Enter saves</span>
        <button @click=${() => this.leave()}>Cancel</button>
        <button class="primary" @click=${() => this.save()}>${this.yes}</button>
      </div>`
  }
}
customElements.define('message-editor', MessageEditor)

declare global {
  interface HTMLElementTagNameMap {
    'message-editor': MessageEditor
  }
}
