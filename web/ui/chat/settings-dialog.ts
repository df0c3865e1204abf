import { LitElement, css, html } from 'lit'
import { DEFAULT_SETTINGS, settingsSchema, type ChatSettings } from '../../chat/chat-record.ts'
import { buttonStyles, fieldStyles, floatStyles, sharedStyles } from '../parts/shared-styles.ts'

type NumberField = {
  readonly name: 'temperature' | 'topP' | 'topK' | 'minP' | 'repetitionPenalty' | 'presencePenalty' | 'frequencyPenalty' | 'seed' | 'maxTokens'
  readonly label: string
  readonly hint: string
  readonly least: number
  readonly most: number
  readonly step: number
}
const FIELDS: readonly NumberField[] = [
  { name: 'temperature', label: 'Temperature', hint: '0 is exact, 1 is free', least: 0, most: 2, step: 0.1 },
  { name: 'topP', label: 'Top p', hint: 'likeliest share', least: 0, most: 1, step: 0.05 },
  { name: 'topK', label: 'Top k', hint: 'likeliest words', least: 0, most: 1000, step: 1 },
  { name: 'minP', label: 'Min p', hint: 'least likelihood', least: 0, most: 1, step: 0.01 },
  { name: 'repetitionPenalty', label: 'Repetition', hint: '1 is off', least: 0.01, most: 10, step: 0.05 },
  { name: 'presencePenalty', label: 'Presence', hint: '0 is off', least: -2, most: 2, step: 0.1 },
  { name: 'frequencyPenalty', label: 'Frequency', hint: '0 is off', least: -2, most: 2, step: 0.1 },
  { name: 'seed', label: 'Seed', hint: 'repeats an answer', least: 0, most: Number.MAX_SAFE_INTEGER, step: 1 },
  { name: 'maxTokens', label: 'Longest answer', hint: 'tokens', least: 1, most: 1 << 20, step: 1 },
]

/**
 * What a chat is asked with: system prompt, sampling, tools. An empty field leaves the choice to the model's authors. `show` opens it.
 *
 * @property settings - of the open chat
 * @fires {CustomEvent<ChatSettings>} configure - other settings for this chat
 * @fires {CustomEvent<ChatSettings>} keep-settings - the same for every new chat
 */
export class SettingsDialog extends LitElement {
  static override properties = { settings: { attribute: false }, problem: { state: true } }
  declare settings: ChatSettings
  declare private problem: string

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    floatStyles,
    css`
      /* What is focused is not scrolled below the actions, which stay in sight where a screen is low. */
      dialog {
        scroll-padding-bottom: 8rem;
      }
      form {
        display: flex;
        flex-direction: column;
        gap: var(--space-4);
      }
      .numbers {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr));
        gap: var(--space-3);
      }
      textarea {
        min-height: 4.5rem;
        max-height: 30vh;
        resize: vertical;
        field-sizing: content;
      }
      .tools {
        font-family: var(--mono);
        font-size: var(--text-s);
      }
      label.check {
        display: flex;
        gap: var(--space-2);
      }
      .actions {
        position: sticky;
        /* Down to the dialog's edge, below its padding. */
        bottom: calc(-1 * var(--space-5));
        display: flex;
        flex-wrap: wrap;
        justify-content: flex-end;
        gap: var(--space-2);
        margin: calc(-1 * var(--space-2)) calc(-1 * var(--space-5)) calc(-1 * var(--space-5));
        padding: var(--space-3) var(--space-5) var(--space-5);
        background: var(--raised);
      }
      summary {
        cursor: pointer;
        font-weight: var(--weight-medium);
      }
      .problem {
        color: var(--bad);
      }
    `,
  ]

  constructor() {
    super()
    this.settings = DEFAULT_SETTINGS
    this.problem = ''
  }

  /** Opens it. */
  show(): void {
    this.problem = ''
    this.renderRoot.querySelector('form')?.reset()
    this.renderRoot.querySelector('dialog')?.showModal()
  }

  private read(form: HTMLFormElement): ChatSettings | null {
    const given = new FormData(form)
    const textOf = (name: string): string => String(given.get(name) ?? '')
    const numbers = Object.fromEntries(FIELDS.map(({ name }) => [name, textOf(name).trim() === '' ? null : Number(textOf(name))]))
    const settings = settingsSchema.safeParse({ ...numbers, system: textOf('system'), tools: textOf('tools'), chances: given.has('chances') })
    if (settings.success) return settings.data
    const field = FIELDS.find(({ name }) => name === settings.error.issues[0]?.path[0])
    this.problem = field ? `${field.label}: expected a number from ${field.least} to ${field.most}.` : 'One of the texts is too long.'
    return null
  }

  private readonly onSubmit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!(event.target instanceof HTMLFormElement)) return
    const settings = this.read(event.target)
    if (!settings) return
    this.dispatchEvent(new CustomEvent<ChatSettings>('configure', { detail: settings }))
    if (event.submitter instanceof HTMLButtonElement && event.submitter.value === 'all')
      this.dispatchEvent(new CustomEvent<ChatSettings>('keep-settings', { detail: settings }))
    this.renderRoot.querySelector('dialog')?.close()
  }

  private field({ name, label, hint, least, most, step }: NumberField) {
    return html`<div>
      <label for=${name}>${label}</label>
      <input
        id=${name}
        name=${name}
        type="number"
        min=${least}
        max=${most}
        step=${step === 1 ? 1 : 'any'}
        placeholder="model’s own"
        .defaultValue=${this.settings[name]?.toString() ?? ''}
        aria-describedby="${name}-hint"
      />
      <span id="${name}-hint" class="muted small">${hint}</span>
    </div>`
  }

  protected override render() {
    const { settings } = this
    return html`<dialog aria-labelledby="title">
      <form @submit=${this.onSubmit} novalidate>
        <h2 id="title">Settings of this chat</h2>
        <div>
          <label for="system">System prompt</label>
          <textarea id="system" name="system" rows="3" placeholder="How the model should behave" .defaultValue=${settings.system}></textarea>
        </div>
        <div class="numbers">${FIELDS.map((field) => this.field(field))}</div>
        <label class="check"><input name="chances" type="checkbox" .defaultChecked=${settings.chances} /> Keep how likely each token was</label>
        <details ?open=${settings.tools !== ''}>
          <summary>Tools</summary>
          <label for="tools" class="small muted"
            >Functions that the model may ask for, as a list in OpenAI’s form. You give their results yourself.</label
          >
          <textarea id="tools" name="tools" class="tools" rows="4" spellcheck="false" .defaultValue=${settings.tools}></textarea>
        </details>
        <p class="problem small" role="alert">${this.problem}</p>
        <div class="actions">
          <button type="button" @click=${() => this.renderRoot.querySelector('dialog')?.close()}>Cancel</button>
          <button value="all">Use for new chats too</button>
          <button class="primary" value="this">Save</button>
        </div>
      </form>
    </dialog>`
  }
}
customElements.define('settings-dialog', SettingsDialog)

declare global {
  interface HTMLElementTagNameMap {
    'settings-dialog': SettingsDialog
  }
}
