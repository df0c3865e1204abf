import { LitElement, css, html } from 'lit'
import { icon, type IconName } from './icons.ts'
import { buttonStyles, floatStyles, sharedStyles } from './shared-styles.ts'

export type MenuItem = { readonly id: string; readonly label: string; readonly icon: IconName; readonly isDanger?: boolean }

/** Space between a button and its menu, and between a menu and the edge of the window, in pixels. */
const GAP = 6

/**
 * A button with a menu of actions. Arrow keys move in it, Esc closes it.
 *
 * @property label - what the button is called
 * @property symbol - its icon
 * @property items - the actions
 * @fires {CustomEvent<string>} pick - the id of the chosen action
 */
export class MenuButton extends LitElement {
  static override properties = { label: {}, symbol: {}, items: { attribute: false }, open: { state: true } }
  declare label: string
  declare symbol: IconName
  declare items: readonly MenuItem[]
  declare private open: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    floatStyles,
    css`
      :host {
        display: inline-block;
      }
      [popover] {
        position: fixed;
        margin: 0;
        min-width: 11rem;
        padding: var(--space-1);
      }
      [role='menuitem'] {
        justify-content: flex-start;
        width: 100%;
        min-height: 2.25rem;
        border-color: transparent;
        border-radius: var(--radius-s);
        background: transparent;
        font-size: var(--text-m);
        text-align: left;
      }
      .danger-text {
        color: var(--bad);
      }
    `,
  ]

  constructor() {
    super()
    this.label = ''
    this.symbol = 'more'
    this.items = []
    this.open = false
  }

  override focus(): void {
    this.renderRoot.querySelector<HTMLElement>('button')?.focus()
  }

  /** Beside its button, inside of the window. */
  private place(menu: HTMLElement): void {
    const button = this.renderRoot.querySelector('button')?.getBoundingClientRect()
    if (!button) return
    const { width, height } = menu.getBoundingClientRect()
    const below = button.bottom + GAP + height <= innerHeight
    menu.style.left = `${Math.max(GAP, Math.min(button.right - width, innerWidth - width - GAP))}px`
    menu.style.top = `${below ? button.bottom + GAP : Math.max(GAP, button.top - GAP - height)}px`
  }

  private readonly onToggle = (event: ToggleEvent): void => {
    this.open = event.newState === 'open'
    if (!this.open || !(event.target instanceof HTMLElement)) return
    this.place(event.target)
    event.target.querySelector<HTMLElement>('[role=menuitem]')?.focus()
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const items = [...this.renderRoot.querySelectorAll<HTMLElement>('[role=menuitem]')]
    const at = items.findIndex((item) => item.matches(':focus'))
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key]
    if (next === undefined) return
    event.preventDefault()
    items.at(next >= items.length ? 0 : next)?.focus()
  }

  private pick(id: string): void {
    this.renderRoot.querySelector<HTMLElement>('[popover]')?.hidePopover()
    this.dispatchEvent(new CustomEvent<string>('pick', { detail: id }))
  }

  protected override render() {
    return html`<button
        class="icon"
        popovertarget="menu"
        aria-label=${this.label}
        title=${this.label}
        aria-haspopup="menu"
        aria-expanded=${this.open ? 'true' : 'false'}
      >
        ${icon(this.symbol)}
      </button>
      <div id="menu" popover role="menu" aria-label=${this.label} @toggle=${this.onToggle} @keydown=${this.onKey}>
        ${this.items.map(
          (item) =>
            html`<button role="menuitem" tabindex="-1" class=${item.isDanger ? 'danger-text' : ''} @click=${() => this.pick(item.id)}>
              ${icon(item.icon)}${item.label}
            </button>`,
        )}
      </div>`
  }
}
customElements.define('menu-button', MenuButton)

declare global {
  interface HTMLElementTagNameMap {
    'menu-button': MenuButton
  }
}
