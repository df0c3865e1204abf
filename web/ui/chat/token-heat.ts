import { LitElement, css, html } from 'lit'
import type { TokenChance } from '../../chat/chat-record.ts'
import { buttonStyles, floatStyles, sharedStyles } from '../parts/shared-styles.ts'

/** Percent, with more digits the rarer. */
function percent(logprob: number): string {
  const share = 100 * Math.exp(logprob)
  return `${share >= 10 ? Math.round(share) : share >= 0.1 ? share.toFixed(1) : '<0.1'} %`
}
/** Four steps from sure to a guess. */
const heatOf = (logprob: number): number => [Math.log(0.9), Math.log(0.6), Math.log(0.3)].filter((limit) => logprob < limit).length
const visible = (text: string): string => text.replaceAll('\n', '⏎').replaceAll(' ', '·') || '(empty)'

/**
 * An answer token by token, coloured by how sure the model was. Each token tells its rivals; from any of them the answer can be written anew.
 *
 * @property tokens - the tokens
 * @property given - text that stands before them
 * @fires {CustomEvent<string>} go-on - write on from this text
 */
export class TokenHeat extends LitElement {
  static override properties = { tokens: { attribute: false }, given: {}, chosen: { state: true } }
  declare tokens: readonly TokenChance[]
  declare given: string
  declare private chosen: number | null

  static override styles = [
    sharedStyles,
    buttonStyles,
    floatStyles,
    css`
      .text {
        overflow-wrap: anywhere;
      }
      .before {
        white-space: pre-wrap;
      }
      .token {
        display: inline;
        min-height: 0;
        padding: 0.1em 0;
        border: 0;
        border-radius: 3px;
        background: none;
        font: inherit;
        white-space: pre-wrap;
      }
      .heat-1 {
        background: color-mix(in oklab, var(--ring-2) 14%, transparent);
      }
      .heat-2 {
        background: color-mix(in oklab, var(--ring-2) 28%, transparent);
      }
      .heat-3 {
        background: color-mix(in oklab, var(--ring-3) 34%, transparent);
      }
      .token[aria-pressed='true'] {
        outline: var(--focus-ring);
      }
      .rivals {
        margin-top: var(--space-3);
        padding: var(--space-3);
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--surface);
      }
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2);
        margin-top: var(--space-2);
        list-style: none;
      }
      li button {
        min-height: 2rem;
        font-size: var(--text-m);
      }
      code {
        font-family: var(--mono);
      }
    `,
  ]

  constructor() {
    super()
    this.tokens = []
    this.given = ''
    this.chosen = null
  }

  /** The text up to a token, and another one in its place. */
  private from(index: number, text: string): string {
    return (
      this.given +
      this.tokens
        .slice(0, index)
        .map((token) => token.text)
        .join('') +
      text
    )
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined || !(event.target instanceof HTMLElement)) return
    const next = Number(event.target.dataset['index']) + step
    this.renderRoot.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus()
    event.preventDefault()
  }

  private rivals(index: number) {
    const token = this.tokens[index]
    if (!token) return null
    const goOn = (text: string) => () => this.dispatchEvent(new CustomEvent<string>('go-on', { detail: this.from(index, text) }))
    return html`<div class="rivals small" role="group" aria-label="Instead of this token">
      <p><code>${visible(token.text)}</code> was ${percent(token.logprob)} likely. Write on from here with:</p>
      <ul>
        ${token.top.map(
          ([text, logprob]) =>
            html`<li>
              <button @click=${goOn(text)}><code>${visible(text)}</code><span class="muted">${percent(logprob)}</span></button>
            </li>`,
        )}
      </ul>
    </div>`
  }

  protected override render() {
    return html`<p class="text" role="group" aria-label="Tokens by likelihood" @keydown=${this.onKey}>
        <span class="before" .textContent=${this.given}></span>${this.tokens.map(
          ({ text, logprob }, index) =>
            html`<button
              class="token heat-${heatOf(logprob)}"
              data-index=${index}
              tabindex=${index === (this.chosen ?? 0) ? 0 : -1}
              aria-pressed=${index === this.chosen ? 'true' : 'false'}
              title=${percent(logprob)}
              @click=${() => (this.chosen = index)}
              .textContent=${text}
            ></button>`,
        )}
      </p>
      ${this.chosen === null ? null : this.rivals(this.chosen)}`
  }
}
customElements.define('token-heat', TokenHeat)

declare global {
  interface HTMLElementTagNameMap {
    'token-heat': TokenHeat
  }
}
