import { LitElement, css, html } from 'lit'
import { backendSchema, displayNameSchema, weightFormatSchema } from '../../../protocol/cluster.ts'
import { MAX_NAME_CHARS } from '../../../protocol/limits.ts'
import { automaticThreads, backendsFor, formatsFor } from '../../engine/probe.ts'
import type { HardwareReport, LendOptions } from '../../engine/page-engine.ts'
import { memoryRange } from './lend-choice.ts'
import { formatBytes } from '../parts/quantities.ts'
import { buttonStyles, fieldStyles, sharedStyles } from '../parts/shared-styles.ts'

/**
 * What to lend: name, memory, and for those who care backend, threads and number format.
 *
 * @property report - what was found
 * @property choice - what stands in the form
 * @property notes - sentences about a link's wishes that could not be met
 * @fires {CustomEvent<LendOptions>} choose - something was changed
 * @fires join - lends with the choice
 */
export class LendForm extends LitElement {
  static override properties = { report: { attribute: false }, choice: { attribute: false }, notes: { attribute: false } }
  declare report: HardwareReport | null
  declare choice: LendOptions | null
  declare notes: readonly string[]

  static override styles = [
    sharedStyles,
    buttonStyles,
    fieldStyles,
    css`
      form {
        display: grid;
        gap: 1.1rem;
        margin-top: 1rem;
      }
      .row {
        display: flex;
        align-items: baseline;
        justify-content: space-between;
        gap: 1rem;
      }
      output {
        font-weight: 600;
        font-variant-numeric: tabular-nums;
      }
      summary {
        width: fit-content;
        color: var(--muted);
        font-size: 0.92rem;
        cursor: pointer;
      }
      .choices {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 9.5rem), 1fr));
        gap: 0.9rem;
        margin-top: 0.8rem;
      }
      .note {
        padding: 0.6rem 0.9rem;
        border-radius: 10px;
        background: var(--warn-soft);
      }
      .primary {
        min-height: 2.9rem;
        font-size: 1rem;
      }
    `,
  ]

  constructor() {
    super()
    this.report = null
    this.choice = null
    this.notes = []
  }

  private change(part: Partial<LendOptions>): void {
    if (this.choice) this.dispatchEvent(new CustomEvent<LendOptions>('choose', { detail: { ...this.choice, ...part } }))
  }

  private readonly onInput = (event: Event): void => {
    const field = event.target
    if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) return
    switch (field.name) {
      case 'name':
        return this.change({ name: field.value })
      case 'memory':
        return this.change({ memoryBytes: Number(field.value) })
      case 'threads':
        return this.change({ threads: Number(field.value) })
      case 'backend':
        return this.change({ backend: backendSchema.safeParse(field.value).data ?? 'auto' })
      case 'weights':
        return this.change({ weightFormat: weightFormatSchema.safeParse(field.value).data ?? 'auto' })
    }
  }

  private readonly onSubmit = (event: SubmitEvent): void => {
    event.preventDefault()
    const name = this.renderRoot.querySelector<HTMLInputElement>('input[name=name]')
    const isNameFine = displayNameSchema.safeParse(this.choice?.name.trim()).success
    name?.setCustomValidity(isNameFine ? '' : 'A name has 1 to 64 plain characters, without < and >.')
    if (name?.reportValidity()) this.dispatchEvent(new CustomEvent('join'))
  }

  private moreChoices(report: HardwareReport, choice: LendOptions) {
    const option = (value: string, label: string, current: string, disabled = false) =>
      html`<option value=${value} ?selected=${value === current} ?disabled=${disabled}>${label}</option>`
    const threads = [...Array(Math.max(report.cores, choice.threads)).keys()].map((index) => index + 1)
    return html`<details>
      <summary>More choices</summary>
      <div class="choices">
        <label
          >Computes with
          <select name="backend">
            ${option('auto', 'Automatic (what is fastest here)', choice.backend)}
            ${option('webgpu', report.webgpu.available ? 'WebGPU' : 'WebGPU (not found)', choice.backend, !report.webgpu.available)}
            ${option('simd', 'SIMD', choice.backend)} ${option('wasm', 'WASM', choice.backend)}
          </select>
        </label>
        <label
          >Threads
          <select name="threads" ?disabled=${!report.crossOriginIsolated}>
            ${option('0', automaticThreads(report) > 1 ? `Automatic (1 or ${automaticThreads(report)}, what is faster)` : 'Automatic (1)', String(choice.threads))}
            ${threads.map((count) => option(String(count), String(count), String(choice.threads)))}
          </select>
        </label>
        <label
          >Weights held as
          <select name="weights">
            ${option('auto', 'Automatic (what the model needs)', choice.weightFormat)}
            ${formatsFor(report, backendsFor(report, choice.backend)).map((format) => option(format, format, choice.weightFormat))}
          </select>
        </label>
      </div>
    </details>`
  }

  protected override render() {
    const { report, choice } = this
    const range = report ? memoryRange(report) : null
    return html`<section class="card" aria-labelledby="lend" aria-busy=${choice ? 'false' : 'true'}>
      <h2 id="lend">What you lend</h2>
      ${
        report && choice && range
          ? html`<form novalidate @input=${this.onInput} @submit=${this.onSubmit}>
              ${this.notes.map((note) => html`<p class="note small">${note}</p>`)}
              <div>
                <label for="name">Name, as others see it</label>
                <input id="name" name="name" type="text" autocomplete="off" maxlength=${MAX_NAME_CHARS} .value=${choice.name} />
              </div>
              <div>
                <div class="row"><label for="memory">Memory</label><output for="memory">up to ${formatBytes(choice.memoryBytes)}</output></div>
                <input
                  id="memory"
                  name="memory"
                  type="range"
                  min=${Math.min(range.min, choice.memoryBytes)}
                  max=${Math.max(range.max, choice.memoryBytes)}
                  step="any"
                  .value=${String(choice.memoryBytes)}
                  aria-valuetext=${formatBytes(choice.memoryBytes)}
                />
                <p class="muted small">Used while this tab is open, freed when you leave.</p>
              </div>
              ${this.moreChoices(report, choice)}
              <button class="primary" type="submit">Join the ring</button>
            </form>`
          : null
      }
    </section>`
  }
}
customElements.define('lend-form', LendForm)

declare global {
  interface HTMLElementTagNameMap {
    'lend-form': LendForm
  }
}
