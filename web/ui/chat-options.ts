import { LitElement, css, html } from 'lit'
import { isModelId, type ModelId } from '../../protocol/ids.ts'
import { modelName } from './ring-summary.ts'
import { sharedStyles } from './shared-styles.ts'

/** Temperatures offered: always the likeliest word, or some freedom. */
const STYLES = [
  { temperature: 0, label: 'Exact' },
  { temperature: 0.7, label: 'Lively' },
  { temperature: 1, label: 'Free' },
] as const

export type ChatChoice = { readonly model: ModelId | null; readonly temperature: number }

/**
 * What the next question is asked with, below the input.
 *
 * @property models - models that can be asked; a choice appears from two on
 * @property choice - what is chosen
 * @fires {CustomEvent<ChatChoice>} choose - something else was chosen
 */
export class ChatOptions extends LitElement {
  static override properties = { models: { attribute: false }, choice: { attribute: false } }
  declare models: readonly ModelId[]
  declare choice: ChatChoice

  static override styles = [
    sharedStyles,
    css`
      div {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 0 1rem;
        padding: 0.45rem 0.6rem 0;
      }
      label {
        display: inline-flex;
        align-items: center;
        gap: 0.4rem;
        margin-right: 0.6rem;
      }
      select {
        max-width: 12rem;
        padding: 0.1rem 0.2rem;
        border: 0;
        border-radius: 6px;
        background: transparent;
        color: var(--ink);
        font: inherit;
      }
      option {
        background: var(--surface);
      }
      @media (max-width: 40rem) {
        .keys {
          display: none;
        }
      }
    `,
  ]

  constructor() {
    super()
    this.models = []
    this.choice = { model: null, temperature: 0 }
  }

  private readonly onChange = (event: Event): void => {
    const field = event.target
    if (!(field instanceof HTMLSelectElement)) return
    const model = field.name === 'model' && isModelId(field.value) ? field.value : this.choice.model
    const temperature = field.name === 'temperature' ? Number(field.value) : this.choice.temperature
    this.dispatchEvent(new CustomEvent<ChatChoice>('choose', { detail: { model, temperature } }))
  }

  protected override render() {
    const { models, choice } = this
    return html`<div class="muted small" @change=${this.onChange}>
      <span>
        ${
          models.length > 1
            ? html`<label
                >Model
                <select name="model">
                  ${models.map((model) => html`<option value=${model} ?selected=${model === choice.model}>${modelName(model)}</option>`)}
                </select></label
              >`
            : null
        }
        <label
          >Answers
          <select name="temperature">
            ${STYLES.map(({ temperature, label }) => html`<option value=${temperature} ?selected=${temperature === choice.temperature}>${label}</option>`)}
          </select></label
        >
      </span>
      <span class="keys">Enter sends · Shift+Enter new line · Esc stops</span>
    </div>`
  }
}
customElements.define('chat-options', ChatOptions)

declare global {
  interface HTMLElementTagNameMap {
    'chat-options': ChatOptions
  }
}
