import { LitElement, css, html } from 'lit'
import type { LogEntry } from './cluster-log.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/**
 * What happened in the cluster since the page was opened, newest first.
 *
 * @property entries - sentences with their times
 */
export class ClusterLogCard extends LitElement {
  static override properties = { entries: { attribute: false } }
  declare entries: readonly LogEntry[]

  static override styles = [
    sharedStyles,
    css`
      ol {
        display: grid;
        gap: 0.35rem;
        max-height: 20rem;
        margin-top: 0.8rem;
        overflow-y: auto;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: 4.6rem minmax(0, 1fr);
        overflow-wrap: anywhere;
      }
      .bad {
        color: var(--bad);
      }
      p {
        margin-top: 0.6rem;
      }
    `,
  ]

  constructor() {
    super()
    this.entries = []
  }

  protected override render() {
    return html`<section class="card" aria-labelledby="log">
      <h2 id="log">What happened</h2>
      ${
        this.entries.length === 0
          ? html`<p class="small muted">Nothing since this page was opened.</p>`
          : html`<ol tabindex="0" aria-label="Events, newest first">
              ${this.entries.map(
                ({ at, text, isBad }) =>
                  html`<li class="small">
                    <time class="muted figures" datetime=${at.toISOString()}>${at.toLocaleTimeString('en-GB')}</time>
                    <span class=${isBad ? 'bad' : ''}>${text}</span>
                  </li>`,
              )}
            </ol>`
      }
    </section>`
  }
}
customElements.define('cluster-log-card', ClusterLogCard)

declare global {
  interface HTMLElementTagNameMap {
    'cluster-log-card': ClusterLogCard
  }
}
