import { LitElement, css, html } from 'lit'
import { icon } from '../parts/icons.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import { act } from './message-action.ts'

/** The messages that stand in for each other at one place, and which of them is shown. */
export type Branches = { readonly ids: readonly string[]; readonly index: number }

/**
 * `‹ 2/3 ›`: goes between messages that stand in for each other. Nothing for a single one.
 *
 * @property branches - the messages
 * @fires {CustomEvent<MessageAction>} message-action - shows another one
 */
export class BranchSwitch extends LitElement {
  static override properties = { branches: { attribute: false } }
  declare branches: Branches

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      :host {
        display: inline-block;
      }
      span {
        display: inline-flex;
        align-items: center;
        color: var(--muted);
        font-size: var(--text-s);
        font-variant-numeric: tabular-nums;
      }
      button.icon {
        width: 1.75rem;
        min-height: 2rem;
      }
    `,
  ]

  constructor() {
    super()
    this.branches = { ids: [], index: 0 }
  }

  private step(by: number): void {
    const id = this.branches.ids[this.branches.index + by]
    if (id !== undefined) act(this, { type: 'show', id })
  }

  protected override render() {
    const { ids, index } = this.branches
    if (ids.length < 2) return null
    return html`<span role="group" aria-label="Versions">
      <button class="icon" aria-label="Previous version" ?disabled=${index === 0} @click=${() => this.step(-1)}>${icon('left')}</button>
      ${index + 1}/${ids.length}
      <button class="icon" aria-label="Next version" ?disabled=${index === ids.length - 1} @click=${() => this.step(1)}>${icon('right')}</button>
    </span>`
  }
}
customElements.define('branch-switch', BranchSwitch)

declare global {
  interface HTMLElementTagNameMap {
    'branch-switch': BranchSwitch
  }
}
