import { LitElement, css, html } from 'lit'
import type { Grant, PageLifeState } from '../../engine/page-life.ts'
import { lifeWords } from './life-words.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/**
 * What keeps this page at work: switches for the screen and for a hidden tab, with what the browser truly grants.
 *
 * @property life - what the browser grants now
 * @fires {CustomEvent<boolean>} awake - the screen is to stay on, or may turn off
 * @fires {CustomEvent<boolean>} audible - a hidden tab is to be kept at work, or may be slowed down
 */
export class LifeCard extends LitElement {
  static override properties = { life: { attribute: false } }
  declare life: PageLifeState | null

  static override styles = [
    sharedStyles,
    css`
      label {
        display: flex;
        align-items: baseline;
        gap: 0.6rem;
        margin-top: 0.9rem;
        font-weight: 560;
      }
      input {
        width: 1.1rem;
        height: 1.1rem;
        accent-color: var(--accent);
        transform: translateY(0.15rem);
      }
      p {
        margin-top: 0.3rem;
      }
      .under {
        margin-left: 1.7rem;
      }
    `,
  ]

  constructor() {
    super()
    this.life = null
  }

  private choice(name: 'awake' | 'audible', label: string, grant: Grant, sentence: string) {
    const onChange = (event: Event): void => {
      if (event.target instanceof HTMLInputElement) this.dispatchEvent(new CustomEvent<boolean>(name, { detail: event.target.checked }))
    }
    return html`<label>
        <input
          type="checkbox"
          name=${name}
          aria-describedby=${`${name}-words`}
          .checked=${grant === 'held' || grant === 'wanted'}
          ?disabled=${grant === 'unavailable'}
          @change=${onChange}
        />
        ${label}
      </label>
      <p class="under small muted" id=${`${name}-words`}>${sentence}</p>`
  }

  protected override render() {
    const { life } = this
    if (!life) return null
    const words = lifeWords(life)
    return html`<section class="card" aria-labelledby="life">
      <h2 id="life">Keeping this page at work</h2>
      ${this.choice('awake', 'Keep the screen on', life.awake, words.awake)}
      ${this.choice('audible', 'Work at full speed while hidden', life.tone, words.tone)}
      ${words.notes.map((note) => html`<p class="small muted">${note}</p>`)}
    </section>`
  }
}
customElements.define('life-card', LifeCard)

declare global {
  interface HTMLElementTagNameMap {
    'life-card': LifeCard
  }
}
