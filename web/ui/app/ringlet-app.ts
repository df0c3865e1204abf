import { LitElement, html, nothing } from 'lit'
import type { PageEngine } from '../../engine/page-engine.ts'
import type { AccessClient } from '../../engine/access-client.ts'
import type { ClusterClient } from '../../engine/cluster-client.ts'
import type { CatalogSession } from '../models/catalog-session.ts'
import type { TraceClient } from '../../engine/trace-client.ts'
import { appStyles } from './app-styles.ts'
import type { ChatParts } from '../chat/chat-parts.ts'
import type { ChatSettings } from '../../chat/chat-record.ts'
import type { ClusterLog } from '../cluster/cluster-log.ts'
import type { LinkAges } from '../parts/link-ages.ts'
import { CODE_MISSING } from '../parts/code-missing.ts'
import { phraseError } from '../parts/error-phrase.ts'
import { createPageLoads } from './page-loaders.ts'
import { PAGES, pageAt, type Page } from './page-path.ts'
import { pageStorage } from '../parts/page-storage.ts'
import { redrawOn } from '../parts/redraw-on.ts'
import '../parts/ring-mark.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import { keepSettings } from '../../chat/kept-settings.ts'
import { keptTheme, showTheme, type Theme } from './theme.ts'
import './theme-switch.ts'

/** A page's address with the token of the current one, so that a reload there is still invited. */
function withInvitation(address: string): string {
  const url = new URL(address)
  const token = new URLSearchParams(location.search).get('token')
  if (token !== null) url.searchParams.set('token', token)
  return url.href
}

/** A server that is closed from now on asks this page for the key too, also after a reload. */
function showKey(key: string): void {
  const url = new URL(location.href)
  url.searchParams.set('token', key)
  history.replaceState(null, '', url)
}

/**
 * The frame around the pages: name, navigation, connection. Moving between pages loads nothing anew, so a device that
 * lends goes on lending and an answer goes on being written.
 *
 * @property engine - what the pages talk to
 * @property chat - what the chat is made over
 * @property catalog - what is known of models
 * @property traces - where the time of requests went
 * @property access - keys and invitations
 * @property cluster - what may be done with devices and placements
 * @property log - what happened in the cluster
 * @property ages - round trips between devices, and how old they are
 */
export class RingletApp extends LitElement {
  static override properties = {
    engine: { attribute: false },
    chat: { attribute: false },
    catalog: { attribute: false },
    traces: { attribute: false },
    access: { attribute: false },
    cluster: { attribute: false },
    log: { attribute: false },
    ages: { attribute: false },
    page: { state: true },
    theme: { state: true },
    failed: { state: true },
  }
  declare engine: PageEngine | null
  declare chat: ChatParts | null
  declare catalog: CatalogSession | null
  declare traces: TraceClient | null
  declare access: AccessClient | null
  declare cluster: ClusterClient | null
  declare log: ClusterLog | null
  declare ages: LinkAges | null
  declare private page: Page
  declare private theme: Theme
  /** The page's code could not be fetched. */
  declare private failed: boolean
  private readonly loads = createPageLoads(
    () => this.requestUpdate(),
    () => (this.failed = true),
  )

  static override styles = [sharedStyles, buttonStyles, appStyles]

  constructor() {
    super()
    this.engine = null
    this.chat = null
    this.catalog = null
    this.traces = null
    this.access = null
    this.cluster = null
    this.log = null
    this.ages = null
    this.page = pageAt(location.pathname)
    this.theme = keptTheme(pageStorage)
    this.failed = false
    this.loads.load(this.page)
    redrawOn(this, (redraw) => this.engine?.onChange(redraw) ?? (() => undefined))
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.addEventListener('click', this.onClick)
    addEventListener('popstate', this.onHistory)
    this.nameDocument()
    void this.loads.loadAll()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.removeEventListener('click', this.onClick)
    removeEventListener('popstate', this.onHistory)
  }

  private readonly onHistory = (): void => this.show(pageAt(location.pathname))

  /** Links to our own pages change the page without loading it. */
  private readonly onClick = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = event.composedPath().find((target) => target instanceof HTMLAnchorElement)
    if (!link || link.target !== '' || link.origin !== location.origin || !PAGES.some((entry) => entry.path === link.pathname)) return
    event.preventDefault()
    if (link.href !== location.href) history.pushState(null, '', withInvitation(link.href))
    this.show(pageAt(link.pathname))
    void this.updateComplete.then(() => {
      scrollTo({ top: 0 })
      // Focus follows to the new page, as it would after loading one.
      this.renderRoot.querySelector('main')?.focus({ preventScroll: true })
    })
  }

  private show(page: Page): void {
    this.page = page
    this.failed = false
    this.loads.load(page)
    this.nameDocument()
  }

  private nameDocument(): void {
    document.title = `${PAGES.find((entry) => entry.page === this.page)?.title ?? 'Chat'} · Ringlet`
  }

  private banner() {
    const connection = this.engine?.connection()
    if (connection?.state === 'offline')
      return html`<div class="banner" role="status">Not connected to the cluster: ${connection.reason} Trying again…</div>`
    if (connection?.state !== 'refused') return null
    const phrase = phraseError(connection.error)
    return html`<div class="banner refused" role="alert"><strong>${phrase.title}</strong> ${phrase.advice}</div>`
  }

  private readonly chooseTheme = (event: CustomEvent<Theme>): void => {
    this.theme = event.detail
    showTheme(event.detail, document.documentElement, pageStorage)
  }

  private content() {
    if (this.failed) return html`<p class="failure" role="alert">${CODE_MISSING} <a href=${location.href}>Load it again</a></p>`
    if (!this.loads.isHere(this.page)) return null
    switch (this.page) {
      case 'chat':
        return html`<chat-page
          .parts=${this.chat}
          @keep-settings=${(event: CustomEvent<ChatSettings>) => keepSettings(pageStorage, event.detail)}
        ></chat-page>`
      case 'contribute':
        return html`<contribute-page .engine=${this.engine}></contribute-page>`
      case 'cluster':
        return html`<cluster-page
          .engine=${this.engine}
          .traces=${this.traces}
          .client=${this.cluster}
          .log=${this.log}
          .ages=${this.ages}
        ></cluster-page>`
      case 'start':
        return html`<start-page .engine=${this.engine} .client=${this.cluster}></start-page>`
      case 'models':
        return html`<models-page .engine=${this.engine} .catalog=${this.catalog}></models-page>`
      case 'keys':
        return html`<keys-page .client=${this.access} @first-key=${(event: CustomEvent<string>) => showKey(event.detail)}></keys-page>`
    }
  }

  /** What stood in the document until the code was here has done its work. */
  protected override updated(): void {
    if (this.failed || this.loads.isHere(this.page)) document.querySelector('.shell')?.remove()
  }

  protected override render() {
    const isLending = this.engine?.device().lending === 'on'
    return html`
      <header>
        <button class="skip" @click=${() => this.renderRoot.querySelector('main')?.focus()}>Skip to content</button>
        <div class="bar">
          <a class="name" href="/" aria-label="Ringlet"><ring-mark></ring-mark><span>Ringlet</span></a>
          <div class="right">
            <nav aria-label="Pages">
              <ul>
                ${PAGES.filter(({ label }) => label !== null).map(
                  ({ page, path, label }) =>
                    html`<li>
                      <a href=${path} aria-current=${page === this.page ? 'page' : nothing}
                        >${label}${page === 'contribute' && isLending ? html`<span class="lending"></span><span class="visually-hidden"> (lending now)</span>` : null}</a
                      >
                    </li>`,
                )}
              </ul>
            </nav>
            <theme-switch .theme=${this.theme} @choose-theme=${this.chooseTheme}></theme-switch>
          </div>
        </div>
      </header>
      ${this.banner()}
      <main id="main" tabindex="-1">${this.content()}</main>
    `
  }
}
customElements.define('ringlet-app', RingletApp)

declare global {
  interface HTMLElementTagNameMap {
    'ringlet-app': RingletApp
  }
}
