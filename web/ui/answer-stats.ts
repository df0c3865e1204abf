import { LitElement, css, html } from 'lit'
import type { AnswerStats } from './chat-thread.ts'
import { countOf, formatMilliseconds, formatTokenRate } from './quantities.ts'
import { sharedStyles } from './shared-styles.ts'

/**
 * Figures of one answer: speed, tokens, time to the first token, time in all; before the first token how far the prompt is.
 *
 * @property stats - figures so far; null shows nothing
 * @property prompt - prompt tokens processed; set only while no token has come
 */
export class AnswerStatsLine extends LitElement {
  static override properties = { stats: { attribute: false }, prompt: { attribute: false } }
  declare stats: AnswerStats | null
  declare prompt: { readonly processed: number; readonly total: number } | null

  static override styles = [
    sharedStyles,
    css`
      p {
        display: flex;
        flex-wrap: wrap;
        gap: 0 0.9rem;
        color: var(--muted);
        font-size: 0.8125rem;
        line-height: 1.6;
        font-variant-numeric: tabular-nums;
      }
    `,
  ]

  constructor() {
    super()
    this.stats = null
    this.prompt = null
  }

  private parts(stats: AnswerStats): readonly string[] {
    if (stats.firstTokenMs === null) {
      const prompt = this.prompt
      const wait = prompt ? `processing prompt ${prompt.processed}/${prompt.total}` : 'waiting for the ring'
      return [wait, formatMilliseconds(stats.elapsedMs)]
    }
    return [
      ...(stats.tokensPerSecond === null ? [] : [`${formatTokenRate(stats.tokensPerSecond)} tok/s`]),
      countOf(stats.completionTokens, 'token'),
      `first after ${formatMilliseconds(stats.firstTokenMs)}`,
      `${formatMilliseconds(stats.elapsedMs)} in all`,
    ]
  }

  protected override render() {
    return this.stats ? html`<p>${this.parts(this.stats).map((part) => html`<span>${part}</span>`)}</p>` : null
  }
}
customElements.define('answer-stats', AnswerStatsLine)

declare global {
  interface HTMLElementTagNameMap {
    'answer-stats': AnswerStatsLine
  }
}
