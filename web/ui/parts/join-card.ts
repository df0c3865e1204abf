import { LitElement, css, html, svg } from 'lit'
import { encode } from 'uqr'
import { copyText } from './copy-text.ts'
import { isLocalHost } from './join-url.ts'
import { buttonStyles, sharedStyles } from './shared-styles.ts'

/** A QR code's dark modules as one SVG path, one unit a module. */
function qrPath(text: string): { readonly size: number; readonly path: string } {
  const { size, data } = encode(text, { ecc: 'M', border: 2 })
  const path = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : []))).join('')
  return { size, path }
}

/**
 * The link that adds a device, to copy and to scan.
 *
 * @property url - where a device joins
 * @property trust - where a device learns to trust this server's certificate; null where there is nothing to learn
 */
export class JoinCard extends LitElement {
  static override properties = { url: {}, trust: {}, copied: { state: true } }
  declare url: string
  declare trust: string | null
  declare copied: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      .inside {
        display: flex;
        flex-wrap: wrap;
        gap: 1.1rem;
        align-items: flex-start;
        margin-top: 0.9rem;
      }
      .qr {
        width: 8.5rem;
        border: 1px solid var(--line);
        border-radius: 10px;
        background: #fff;
      }
      .inside > div {
        flex: 1 1 13rem;
        min-width: 0;
      }
      code {
        display: block;
        padding: 0.45rem 0.7rem;
        border-radius: 8px;
        background: var(--sunken);
        font: 0.82rem/1.5 var(--mono);
        overflow-wrap: anywhere;
        user-select: all;
      }
      button {
        margin-top: 0.6rem;
      }
      .hint {
        margin-top: 0.8rem;
      }
    `,
  ]

  constructor() {
    super()
    this.url = ''
    this.trust = null
    this.copied = false
  }

  private async copy(): Promise<void> {
    this.copied = await copyText(this.url)
    if (this.copied) setTimeout(() => (this.copied = false), 1600)
  }

  private hint(): string | null {
    const { hostname, protocol } = new URL(this.url)
    if (isLocalHost(hostname))
      return 'This address works on this machine only: open it in more tabs. For other devices start Ringlet with --host and --https.'
    if (protocol !== 'https:') return 'Over plain http other devices get neither GPU nor storage from their browser. Start Ringlet with --https.'
    return null
  }

  protected override render() {
    if (this.url === '') return null
    // The code leads by way of the page that explains the certificate; a device that trusts it already goes straight on.
    const { size, path } = qrPath(this.trust === null ? this.url : `${this.trust}#${this.url}`)
    const hint = this.hint()
    return html`<section class="card" aria-labelledby="join">
      <h2 id="join">Add a device</h2>
      <div class="inside">
        <svg class="qr" viewBox="0 0 ${size} ${size}" role="img" aria-label="QR code of the join link" shape-rendering="crispEdges">
          ${svg`<path fill="#111" d=${path}></path>`}
        </svg>
        <div>
          <code>${this.url}</code>
          <button @click=${() => void this.copy()}>${this.copied ? 'Copied' : 'Copy link'}</button>
        </div>
      </div>
      ${this.trust === null ? null : html`<p class="hint muted small">The code first shows a device how to trust this server, once: <a href=${this.trust} target="_blank">what it shows</a>.</p>`}
      ${hint === null ? null : html`<p class="hint muted small">${hint}</p>`}
    </section>`
  }
}
customElements.define('join-card', JoinCard)

declare global {
  interface HTMLElementTagNameMap {
    'join-card': JoinCard
  }
}
