import { LitElement, css, html } from 'lit'
import type { ModelId } from '../../../protocol/ids.ts'
import { icon } from '../parts/icons.ts'
import { buttonStyles, floatStyles, sharedStyles } from '../parts/shared-styles.ts'
import type { ModelChoice } from './model-choices.ts'

/**
 * Which model is asked, and what the others would take.
 *
 * @property choices - the models
 * @property current - the chosen one
 * @fires open-picker - it opens: what fits may be asked for anew
 * @fires {CustomEvent<ModelChoice>} choose-model - another one
 */
export class ModelPicker extends LitElement {
  static override properties = { choices: { attribute: false }, current: {}, open: { state: true } }
  declare choices: readonly ModelChoice[]
  declare current: ModelId | null
  declare private open: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    floatStyles,
    css`
      :host {
        min-width: 0;
      }
      .now {
        max-width: 100%;
        min-height: 2.25rem;
        padding: 0.2rem 0.6rem;
        border-color: transparent;
        background: transparent;
        font-size: var(--text-body);
        font-weight: var(--weight-strong);
      }
      .now span {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      [popover] {
        position: fixed;
        margin: 0;
        width: min(24rem, calc(100vw - 1rem));
        max-height: min(28rem, 70dvh);
        padding: var(--space-2);
        overflow-y: auto;
        overscroll-behavior: contain;
      }
      ul {
        list-style: none;
      }
      .choice {
        display: grid;
        grid-template-columns: 0.6rem minmax(0, 1fr) auto;
        gap: 0 0.6rem;
        width: 100%;
        justify-items: start;
        min-height: 2.9rem;
        padding: 0.35rem 0.6rem;
        border-color: transparent;
        background: transparent;
        font-weight: 400;
        line-height: 1.35;
        text-align: left;
      }
      .choice:disabled {
        opacity: 1;
      }
      .choice:disabled .name {
        color: var(--muted);
      }
      .dot {
        width: 0.55rem;
        height: 0.55rem;
        border-radius: 50%;
        background: var(--line-strong);
      }
      .ready .dot {
        background: var(--good);
      }
      .working .dot {
        background: var(--warn);
      }
      .problem .dot {
        background: var(--bad);
      }
      .name {
        font-weight: var(--weight-medium);
        overflow-wrap: anywhere;
      }
      .state {
        grid-column: 2;
        overflow-wrap: anywhere;
      }
      .load {
        grid-row: 1;
        grid-column: 3;
        color: var(--accent);
      }
      .foot {
        padding: var(--space-2) 0.6rem 0.2rem;
      }
    `,
  ]

  constructor() {
    super()
    this.choices = []
    this.current = null
    this.open = false
  }

  /** Opens the list. */
  show(): void {
    this.panel()?.showPopover()
  }

  private readonly panel = (): HTMLElement | null => this.renderRoot.querySelector<HTMLElement>('[popover]')

  private readonly onToggle = (event: ToggleEvent): void => {
    this.open = event.newState === 'open'
    const button = this.renderRoot.querySelector('.now')?.getBoundingClientRect()
    const panel = this.panel()
    if (!this.open || !button || !panel) return
    panel.style.left = `${Math.max(8, Math.min(button.left, innerWidth - panel.offsetWidth - 8))}px`
    panel.style.top = `${button.bottom + 6}px`
    this.dispatchEvent(new CustomEvent('open-picker'))
    const first = panel.querySelector<HTMLElement>('[aria-pressed=true]') ?? panel.querySelector<HTMLElement>('button:not(:disabled)')
    first?.focus()
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step === undefined) return
    const items = [...this.renderRoot.querySelectorAll<HTMLElement>('.choice:not(:disabled)')]
    items.at((items.findIndex((item) => item.matches(':focus')) + step) % items.length)?.focus()
    event.preventDefault()
  }

  private choose(choice: ModelChoice): void {
    this.panel()?.hidePopover()
    this.dispatchEvent(new CustomEvent<ModelChoice>('choose-model', { detail: choice }))
  }

  protected override render() {
    const current = this.choices.find(({ id }) => id === this.current)
    return html`<button class="now" popovertarget="models" aria-haspopup="true" aria-expanded=${this.open ? 'true' : 'false'} title="Choose a model">
        <span><span class="visually-hidden">Model: </span>${current?.name ?? 'No model'}</span>${icon('down')}
      </button>
      <div id="models" popover role="group" aria-label="Models" @toggle=${this.onToggle} @keydown=${this.onKey}>
        <ul>
          ${this.choices.map(
            (choice) =>
              html`<li>
                <button
                  class="choice ${choice.tone}"
                  ?disabled=${choice.leads === 'none'}
                  aria-pressed=${choice.id === this.current ? 'true' : 'false'}
                  @click=${() => this.choose(choice)}
                >
                  <span class="dot"></span><span class="name">${choice.name}</span>
                  ${choice.leads === 'load' ? html`<span class="load small">Load</span>` : choice.id === this.current ? icon('check') : null}
                  <span class="state muted small">${choice.state}</span>
                </button>
              </li>`,
          )}
        </ul>
        <p class="foot small"><a href="/models">All models</a></p>
      </div>`
  }
}
customElements.define('model-picker', ModelPicker)

declare global {
  interface HTMLElementTagNameMap {
    'model-picker': ModelPicker
  }
}
