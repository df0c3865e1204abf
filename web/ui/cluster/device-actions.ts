import { LitElement, css, html } from 'lit'
import type { WireError } from '../../../protocol/errors.ts'
import type { PeerEntry } from '../../../protocol/cluster.ts'
import type { ClusterClient, WaitingDevice } from '../../engine/cluster-client.ts'
import '../parts/error-note.ts'
import { failureOf } from '../parts/failure-of.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'

/** How often it is asked who waits to be let in. */
const ASK_MS = 3_000

/**
 * What whoever runs the cluster may do with each device: pause it, which stops its downloads, let it go on, let it in, remove it.
 *
 * @property client - asks the server
 * @property devices - those that lend from a browser
 */
export class DeviceActions extends LitElement {
  static override properties = {
    client: { attribute: false },
    devices: { attribute: false },
    waiting: { state: true },
    asked: { state: true },
    error: { state: true },
  }
  declare client: ClusterClient | null
  declare devices: readonly PeerEntry[]
  declare private waiting: readonly WaitingDevice[]
  /** The device whose removal wants a second word. */
  declare private asked: string | null
  declare private error: WireError | null
  private timer: ReturnType<typeof setInterval> | null = null

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      ul {
        display: grid;
        gap: 0.5rem;
        margin-top: 0.8rem;
        list-style: none;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.3rem 0.6rem;
      }
      .name {
        flex: 1 1 6rem;
        min-width: 0;
        overflow-wrap: anywhere;
        font-weight: 560;
      }
      .question {
        flex: 1 1 100%;
      }
      h3 {
        margin-top: 1rem;
        font-size: var(--text-l);
      }
      p {
        margin-top: 0.6rem;
      }
    `,
  ]

  constructor() {
    super()
    this.client = null
    this.devices = []
    this.waiting = []
    this.asked = null
    this.error = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.timer = setInterval(() => void this.look(), ASK_MS)
    void this.look()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    if (this.timer !== null) clearInterval(this.timer)
    this.timer = null
  }

  /** Without the right to see them there are none to show. */
  private async look(): Promise<void> {
    this.waiting = (await this.client?.waiting().catch(() => [])) ?? []
  }

  private act(work: (client: ClusterClient) => Promise<void>): () => Promise<void> {
    return async () => {
      const { client } = this
      if (!client) return
      this.asked = null
      this.error = await failureOf(() => work(client))
      await this.look()
    }
  }

  private row({ id, name, status }: PeerEntry) {
    const isPaused = status.state === 'paused'
    if (this.asked === id)
      return html`<li>
        <p class="question small" role="alert">Remove ${name}? It cannot come back with the invitation that it has.</p>
        <button class="danger" @click=${this.act((client) => client.remove(id))}>Remove it</button>
        <button @click=${() => (this.asked = null)}>Keep it</button>
      </li>`
    return html`<li>
      <span class="name">${name}</span>
      <button aria-label="${isPaused ? 'Resume' : 'Pause'} ${name}" @click=${this.act((client) => client.pause(id, !isPaused))}>
        ${isPaused ? 'Resume' : 'Pause'}
      </button>
      <button class="plain" aria-label="Remove ${name}" @click=${() => (this.asked = id)}>Remove</button>
    </li>`
  }

  private guests() {
    if (this.waiting.length === 0) return null
    return html`<h3>Waiting to be let in</h3>
      <ul aria-label="Waiting to be let in">
        ${this.waiting.map(
          ({ id, name }) =>
            html`<li>
              <span class="name">${name}</span>
              <button class="primary" aria-label="Let ${name} in" @click=${this.act((client) => client.approve(id))}>Let in</button>
            </li>`,
        )}
      </ul>`
  }

  protected override render() {
    return html`<section class="card" aria-labelledby="manage">
      <h2 id="manage">Manage devices</h2>
      <error-note exact .error=${this.error}></error-note>
      ${this.guests()}
      ${
        this.devices.length === 0
          ? html`<p class="small muted">No browser lends here yet.</p>`
          : html`<ul aria-label="Devices to manage">
              ${this.devices.map((device) => this.row(device))}
            </ul>`
      }
      <p class="small muted">A paused device takes no layers and stops what it downloads.</p>
    </section>`
  }
}
customElements.define('device-actions', DeviceActions)

declare global {
  interface HTMLElementTagNameMap {
    'device-actions': DeviceActions
  }
}
