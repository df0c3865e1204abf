import { LitElement, css, html } from 'lit'
import { qualitySchema, type Quality } from '../../../protocol/cluster.ts'
import { QUALITY_WORDS } from './model-words.ts'
import { fieldStyles, sharedStyles } from '../parts/shared-styles.ts'

export type ModelFilterChoice = {
  readonly quality: Quality
  /** Null shows all. */
  readonly family: string | null
  readonly onlyFitting: boolean
  readonly words: string
}

/**
 * Which models are shown, and how they would be held.
 *
 * @property families - families to choose from
 * @property choice - what is chosen
 * @property shown - how many models that shows
 * @fires {CustomEvent<ModelFilterChoice>} choose - something else was chosen
 */
export class ModelFilter extends LitElement {
  static override properties = { families: { attribute: false }, choice: { attribute: false }, shown: { type: Number } }
  declare families: readonly string[]
  declare choice: ModelFilterChoice
  declare shown: number

  static override styles = [
    sharedStyles,
    fieldStyles,
    css`
      .fields {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 11rem), 1fr));
        gap: 0.9rem;
      }
      /* Beside the fields, below the line of their names. */
      label.check {
        display: flex;
        align-items: center;
        gap: 0.5rem;
        align-self: start;
        min-height: 2.6rem;
        margin-top: 1.5rem;
      }
      @media (max-width: 30rem) {
        label.check {
          margin-top: 0;
        }
      }
      input[type='checkbox'] {
        width: 1.1rem;
        height: 1.1rem;
        accent-color: var(--accent);
      }
      p {
        margin-top: 0.5rem;
      }
    `,
  ]

  constructor() {
    super()
    this.families = []
    this.choice = { quality: 'balanced', family: null, onlyFitting: false, words: '' }
    this.shown = 0
  }

  private change(part: Partial<ModelFilterChoice>): void {
    this.dispatchEvent(new CustomEvent<ModelFilterChoice>('choose', { detail: { ...this.choice, ...part } }))
  }

  private readonly onInput = (event: Event): void => {
    const field = event.target
    if (field instanceof HTMLInputElement && field.name === 'words') this.change({ words: field.value })
    if (field instanceof HTMLInputElement && field.name === 'fits') this.change({ onlyFitting: field.checked })
    if (field instanceof HTMLSelectElement && field.name === 'family') this.change({ family: field.value === '' ? null : field.value })
    if (field instanceof HTMLSelectElement && field.name === 'quality')
      this.change({ quality: qualitySchema.safeParse(field.value).data ?? 'balanced' })
  }

  protected override render() {
    const { choice } = this
    return html`<div role="search" aria-label="Models" @input=${this.onInput}>
      <div class="fields">
        <div>
          <label for="words">Find</label><input id="words" name="words" type="text" autocomplete="off" placeholder="Name" .value=${choice.words} />
        </div>
        <div>
          <label for="family">Family</label>
          <select id="family" name="family">
            <option value="" ?selected=${choice.family === null}>All</option>
            ${this.families.map((family) => html`<option value=${family} ?selected=${family === choice.family}>${family}</option>`)}
          </select>
        </div>
        <div>
          <label for="quality">Held as</label>
          <select id="quality" name="quality" aria-describedby="hint">
            ${qualitySchema.options.map(
              (quality) => html`<option value=${quality} ?selected=${quality === choice.quality}>${QUALITY_WORDS[quality].label}</option>`,
            )}
          </select>
          <p id="hint" class="muted small">${QUALITY_WORDS[choice.quality].hint}</p>
        </div>
        <label class="check"><input name="fits" type="checkbox" .checked=${choice.onlyFitting} /> Only what fits here</label>
      </div>
      <p class="visually-hidden" role="status">${this.shown} models shown</p>
    </div>`
  }
}
customElements.define('model-filter', ModelFilter)

declare global {
  interface HTMLElementTagNameMap {
    'model-filter': ModelFilter
  }
}
