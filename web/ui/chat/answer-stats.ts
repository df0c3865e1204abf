import { LitElement, css, html } from 'lit'
import type { AnswerStats } from '../../chat/chat-record.ts'
import type { RunningAnswer } from '../../chat/running-answer.ts'
import { countOf, formatMilliseconds, formatSeconds, formatTokenRate } from '../parts/quantities.ts'
import { sharedStyles } from '../parts/shared-styles.ts'

/** What an answer waits for before its first token, in words. */
export function waitPhrase({ queue, prompt, pause }: Pick<RunningAnswer, 'queue' | 'prompt' | 'pause'>): string {
  if (pause !== null) return pause
  if (queue) return `waiting in line, place ${queue.position}${queue.seconds === null ? '' : `, about ${formatSeconds(queue.seconds)}`}`
  return prompt ? `processing prompt ${prompt.processed}/${prompt.total}` : 'waiting for the ring'
}

/**
 * Figures of one answer: speed, tokens, time to the first token, time in all; before the first token what it waits for.
 *
 * @property stats - figures so far; null shows nothing
 * @property wait - what the first token waits for
 */
export class AnswerStatsLine extends LitElement {
  static override properties = { stats: { attribute: false }, wait: {} }
  declare stats: AnswerStats | null
  declare wait: string

  static override styles = [
    sharedStyles,
    css`
      p {
        display: flex;
        flex-wrap: wrap;
        gap: 0 0.9rem;
        color: var(--muted);
        font-size: var(--text-s);
        line-height: 1.6;
        font-variant-numeric: tabular-nums;
      }
    `,
  ]

  constructor() {
    super()
    this.stats = null
    this.wait = ''
  }

  private parts(stats: AnswerStats): readonly string[] {
    if (stats.firstTokenMs === null) return [this.wait, formatMilliseconds(stats.elapsedMs)]
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
