import { LitElement, html } from 'lit'
import { icon } from '../parts/icons.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import { THEMES, type Theme } from './theme.ts'

const NAMES: Readonly<Record<Theme, string>> = { system: 'as the system', light: 'light', dark: 'dark' }

/**
 * Goes from one theme to the next.
 *
 * @property theme - the one that is shown
 * @fires {CustomEvent<Theme>} choose-theme - another one was asked for
 */
export class ThemeSwitch extends LitElement {
  static override properties = { theme: {} }
  declare theme: Theme

  static override styles = [sharedStyles, buttonStyles]

  constructor() {
    super()
    this.theme = 'system'
  }

  private readonly next = (): void => {
    const detail = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? 'system'
    this.dispatchEvent(new CustomEvent<Theme>('choose-theme', { detail }))
  }

  protected override render() {
    const label = `Colours: ${NAMES[this.theme]}`
    return html`<button class="icon" aria-label=${label} title=${label} @click=${this.next}>${icon(this.theme)}</button>`
  }
}
customElements.define('theme-switch', ThemeSwitch)

declare global {
  interface HTMLElementTagNameMap {
    'theme-switch': ThemeSwitch
  }
}
