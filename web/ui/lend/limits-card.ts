import { LitElement, css, html } from 'lit'
import { LEAST_SHARE, type LendLimits } from '../../engine/lend-limits.ts'
import { buttonStyles, fieldStyles, sharedStyles } from '../parts/shared-styles.ts'

type Known = { readonly battery: boolean; readonly metered: boolean; readonly idle: boolean }
type Switch = 'battery' | 'onlyOnMains' | 'notMetered' | 'onlyIdle'

/**
 * How much of its time this device gives, and when it holds back. What the browser cannot tell is not offered.
 *
 * @property limits - as they stand
 * @property known - which of them this browser can keep
 * @fires {CustomEvent<LendLimits>} limit - something was changed
 */
export class LimitsCard extends LitElement {
  static override properties = { limits: { attribute: false }, known: { attribute: false } }
  declare limits: LendLimits | null
  declare known: Known

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    css`
      .row {
        display: flex;
        align-items: baseline;
        justify-content: space-between;
        gap: 1rem;
        margin-top: 0.9rem;
      }
      output {
        font-weight: 600;
        font-variant-numeric: tabular-nums;
      }
      .switch {
        display: flex;
        align-items: baseline;
        gap: 0.6rem;
        margin-top: 0.9rem;
      }
      .switch input {
        width: 1.1rem;
        height: 1.1rem;
        accent-color: var(--accent);
        transform: translateY(0.15rem);
      }
      .under {
        margin-left: 1.7rem;
      }
      .under .row {
        margin-top: 0.4rem;
      }
    `,
  ]

  constructor() {
    super()
    this.limits = null
    this.known = { battery: false, metered: false, idle: false }
  }

  private change(part: Partial<LendLimits>): void {
    if (this.limits) this.dispatchEvent(new CustomEvent<LendLimits>('limit', { detail: { ...this.limits, ...part } }))
  }

  private slider(limits: LendLimits, id: 'stopAt' | 'resumeAt', label: string) {
    const value = limits.battery[id]
    const onInput = (event: Event): void => {
      if (!(event.target instanceof HTMLInputElement)) return
      const next = { ...limits.battery, [id]: Number(event.target.value) }
      // One threshold pushes the other along: the upper is never below the lower.
      const stopAt = id === 'stopAt' ? next.stopAt : Math.min(next.stopAt, next.resumeAt)
      this.change({ battery: { ...next, stopAt, resumeAt: Math.max(next.resumeAt, stopAt) } })
    }
    return html`<div class="row"><label for=${id}>${label}</label><output for=${id}>${value} %</output></div>
      <input
        id=${id}
        name=${id}
        type="range"
        min="5"
        max="95"
        step="5"
        .value=${String(value)}
        aria-valuetext="${value} percent"
        @input=${onInput}
      />`
  }

  private toggle(name: Switch, label: string, isOn: boolean) {
    const onChange = (event: Event): void => {
      if (!(event.target instanceof HTMLInputElement) || !this.limits) return
      const { checked } = event.target
      this.change(name === 'battery' ? { battery: { ...this.limits.battery, isOn: checked } } : { [name]: checked })
    }
    return html`<label class="switch"><input type="checkbox" name=${name} .checked=${isOn} @change=${onChange} />${label}</label>`
  }

  private share(limits: LendLimits) {
    const percent = Math.round(limits.share * 100)
    const onInput = (event: Event): void => {
      if (event.target instanceof HTMLInputElement) this.change({ share: Number(event.target.value) / 100 })
    }
    return html`<div class="row"><label for="share">Share of its computing time</label><output for="share">${percent} %</output></div>
      <input
        id="share"
        name="share"
        type="range"
        min=${LEAST_SHARE * 100}
        max="100"
        step="10"
        .value=${String(percent)}
        aria-valuetext="${percent} percent"
        @input=${onInput}
      />
      <p class="muted small">
        ${percent === 100 ? 'It computes whenever there is something to do.' : 'After each piece of work it rests, so that your own programs have the GPU or processor too.'}
      </p>`
  }

  protected override render() {
    const { limits, known } = this
    if (!limits) return null
    const hasNone = !known.battery && !known.metered && !known.idle
    return html`<section class="card" aria-labelledby="limits">
      <h2 id="limits">Limits</h2>
      ${this.share(limits)}
      ${
        known.battery
          ? html`${this.toggle('battery', 'Spare the battery', limits.battery.isOn)}
            ${limits.battery.isOn ? html`<div class="under">${this.slider(limits, 'stopAt', 'Stop at')}${this.slider(limits, 'resumeAt', 'Go on at')}</div>` : null}
            ${this.toggle('onlyOnMains', 'Only while plugged in', limits.onlyOnMains)}`
          : null
      }
      ${known.metered ? this.toggle('notMetered', 'Not on a network that costs', limits.notMetered) : null}
      ${known.idle ? this.toggle('onlyIdle', 'Only while nobody uses this device', limits.onlyIdle) : null}
      ${hasNone ? html`<p class="muted small">This browser tells pages nothing of battery, network cost or use, so there are no limits for them here.</p>` : null}
    </section>`
  }
}
customElements.define('limits-card', LimitsCard)

declare global {
  interface HTMLElementTagNameMap {
    'limits-card': LimitsCard
  }
}
