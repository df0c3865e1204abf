import { LitElement, css, html } from 'lit'
import type { PageLifeState } from '../../engine/page-life.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/** Telephones and tablets: their browsers stop a page that is out of sight, and touch is what they have in common. */
const HANDHELD = '(pointer: coarse) and (hover: none)'

/**
 * On phones, before the page can be hidden: that hiding it or locking the screen ends the lending. After it was hidden: that it was.
 *
 * @property life - what the browser grants now
 * @property isLending - whether there is something to lose
 */
export class SightBanner extends LitElement {
  static override properties = { life: { attribute: false }, isLending: { type: Boolean }, wasHidden: { state: true } }
  declare life: PageLifeState | null
  declare isLending: boolean
  declare private wasHidden: boolean

  static override styles = [
    sharedStyles,
    css`
      p {
        margin-top: 1.25rem;
        padding: 0.75rem 1rem;
        border-radius: 10px;
        background: var(--warn-soft);
        border-left: 3px solid var(--warn);
      }
    `,
  ]

  constructor() {
    super()
    this.life = null
    this.isLending = false
    this.wasHidden = false
  }

  protected override willUpdate(): void {
    if (this.life?.visibility === 'hidden' && this.isLending) this.wasHidden = true
    if (!this.isLending) this.wasHidden = false
  }

  protected override render() {
    const { life } = this
    if (!life || !this.isLending || !matchMedia(HANDHELD).matches) return null
    const screen =
      life.awake === 'held'
        ? 'The screen stays on by itself while you do.'
        : 'Your screen may lock by itself: switch “Keep the screen on” on, or tap now and then.'
    const back = this.wasHidden && life.visibility === 'visible' ? 'The page was out of sight for a while, and others did its part. ' : ''
    return html`<p class="small" role="status">
      ${back}<strong>Keep this page in sight.</strong> Phones stop a page when you lock the screen or go to another app; the ring then goes on without
      this device. ${screen}
    </p>`
  }
}
customElements.define('sight-banner', SightBanner)

declare global {
  interface HTMLElementTagNameMap {
    'sight-banner': SightBanner
  }
}
