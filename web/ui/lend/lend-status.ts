import { LitElement, css, html } from 'lit'
import type { DeviceState } from '../../engine/page-engine.ts'
import { BACKEND_NAMES } from '../cluster/device-rows.ts'
import '../parts/error-note.ts'
import './file-progress-list.ts'
import { LEND_STEPS, lendPhase, shardNames, type LendPhase } from './lend-phase.ts'
import { progressStyles } from '../parts/progress-styles.ts'
import { countOf, formatBytes, formatMilliseconds, percentOf } from '../parts/quantities.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import { weightsOf } from '../parts/weights-sentence.ts'

/**
 * What the lending device does now: the phase with its progress, figures of its work, pause and leave.
 *
 * @property device - its state
 * @fires pause - takes no layers until resumed
 * @fires resume - ends the pause
 * @fires {CustomEvent<boolean>} leave - gives everything back; true: without waiting for what runs
 * @fires cancel - stops the download and removes what came of it
 */
export class LendStatus extends LitElement {
  static override properties = { device: { attribute: false } }
  declare device: DeviceState | null

  static override styles = [
    sharedStyles,
    buttonStyles,
    progressStyles,
    css`
      .headline {
        font-size: 1.2rem;
        font-weight: 620;
        line-height: 1.3;
        letter-spacing: -0.01em;
        overflow-wrap: anywhere;
      }
      .detail {
        min-height: 1.5em;
        margin-top: 0.25rem;
        overflow-wrap: anywhere;
      }
      progress {
        height: 0.5rem;
        margin-top: 0.8rem;
      }
      progress:indeterminate {
        background: linear-gradient(90deg, var(--sunken) 25%, var(--accent) 50%, var(--sunken) 75%) 0 0 / 300% 100%;
        animation: slide 1.6s linear infinite;
      }
      progress:indeterminate::-webkit-progress-bar {
        background: transparent;
      }
      @keyframes slide {
        from {
          background-position: 150% 0;
        }
        to {
          background-position: -150% 0;
        }
      }
      ol {
        display: flex;
        flex-wrap: wrap;
        gap: 0.3rem 1.1rem;
        margin: 1.1rem 0 0;
        list-style: none;
        color: var(--muted);
        font-size: 0.875rem;
      }
      li::before {
        content: '○';
        margin-right: 0.35rem;
      }
      li.done::before {
        content: '✓';
        color: var(--good);
      }
      li[aria-current] {
        color: var(--ink);
        font-weight: 600;
      }
      li[aria-current]::before {
        content: '●';
        color: var(--accent);
      }
      dl {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr));
        gap: 1rem;
        margin-top: 1.4rem;
        padding-top: 1.2rem;
        border-top: 1px solid var(--line);
      }
      dt {
        color: var(--muted);
        font-size: 0.82rem;
      }
      dd {
        font-weight: 600;
        font-variant-numeric: tabular-nums;
        overflow-wrap: anywhere;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 0.6rem;
        margin-top: 1.4rem;
      }
      file-progress-list,
      error-note,
      .reason {
        margin-top: 1rem;
      }
      .note {
        margin-top: 1rem;
        padding: 0.6rem 0.9rem;
        border-radius: 10px;
        background: var(--warn-soft);
      }
      @media (prefers-reduced-motion: reduce) {
        progress:indeterminate {
          animation-duration: 6s;
        }
      }
    `,
  ]

  constructor() {
    super()
    this.device = null
  }

  private progress(phase: LendPhase) {
    if (phase.progress === null) return null
    if (phase.progress === 'moving') return html`<progress aria-label=${phase.headline}></progress>`
    const { loadedBytes, totalBytes } = phase.progress
    return html`<progress aria-label=${phase.headline} max="100" value=${percentOf(loadedBytes, totalBytes)}></progress>`
  }

  private figures(device: DeviceState) {
    const held = device.shards.reduce((total, shard) => total + shard.heldBytes, 0)
    const facts: readonly (readonly [string, string])[] = [
      ['Holds', shardNames(device.shards) || 'no layers yet'],
      ['Weights', weightsOf(device.shards) || '–'],
      ['Time a layer', device.layerMs === null ? 'not measured yet' : formatMilliseconds(device.layerMs)],
      ['Memory held', `${formatBytes(held)} of ${formatBytes(device.capabilities?.memoryBytes ?? 0)}`],
      [
        'Computes with',
        device.capabilities ? `${BACKEND_NAMES[device.capabilities.backend]}, ${countOf(device.capabilities.threads, 'thread')}` : '–',
      ],
    ]
    return html`<dl>
      ${facts.map(
        ([label, text]) =>
          html`<div>
            <dt>${label}</dt>
            <dd>${text}</dd>
          </div>`,
      )}
    </dl>`
  }

  private actions(device: DeviceState) {
    const fire = (type: string, detail?: boolean) => () => this.dispatchEvent(new CustomEvent(type, { detail }))
    const isLoading = device.shards.some(({ phase }) => phase === 'downloading')
    if (device.lending === 'leaving') return html`<div class="actions"><button @click=${fire('leave', true)}>Leave now</button></div>`
    return html`<div class="actions">
      ${device.lending === 'paused' && device.holds.length === 0 ? html`<button class="primary" @click=${fire('resume')}>Resume</button>` : null}
      ${device.lending === 'on' ? html`<button @click=${fire('pause')}>Pause</button>` : null}
      <button @click=${fire('leave', false)}>Leave</button>
      ${isLoading ? html`<button @click=${fire('cancel')}>Cancel and free the storage</button>` : null}
    </div>`
  }

  protected override render() {
    const device = this.device
    if (!device) return null
    const phase = lendPhase(device)
    const reason = device.capabilities?.backendReason
    return html`<section class="card" aria-labelledby="doing">
      <h2 id="doing" class="visually-hidden">What this device is doing</h2>
      <p class="headline" role="status">${phase.headline}</p>
      <p class="detail muted figures">${phase.detail}</p>
      ${this.progress(phase)}
      ${device.shards.some(({ phase: doing }) => doing === 'downloading') ? html`<file-progress-list .files=${device.files}></file-progress-list>` : null}
      <ol aria-label="Steps">
        ${LEND_STEPS.map((step, index) =>
          index === phase.step
            ? html`<li aria-current="step">${step}</li>`
            : html`<li class=${index < phase.step ? 'done' : ''}>
                ${step}${index < phase.step ? html`<span class="visually-hidden"> (done)</span>` : null}
              </li>`,
        )}
      </ol>
      ${device.notice === null ? null : html`<p class="note small" role="status">${device.notice}</p>`}
      <error-note .error=${device.error}></error-note>
      ${reason === undefined ? null : html`<p class="muted small reason">${reason}</p>`} ${this.figures(device)} ${this.actions(device)}
    </section>`
  }
}
customElements.define('lend-status', LendStatus)

declare global {
  interface HTMLElementTagNameMap {
    'lend-status': LendStatus
  }
}
