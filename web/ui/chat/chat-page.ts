import { LitElement, html, type PropertyValues } from 'lit'
import { EMPTY_VIEW } from '../../../core/cluster/cluster-view.ts'
import type { WireError } from '../../../protocol/errors.ts'
import { isModelId, type ModelId } from '../../../protocol/ids.ts'
import type { ChatLibrary } from '../../chat/chat-library.ts'
import type { ChatSession, ChatState } from '../../chat/chat-session.ts'
import { shownPath } from '../../chat/message-tree.ts'
import { createRingLosses } from '../../chat/ring-losses.ts'
import type { Connection } from '../../engine/page-engine.ts'
import { redrawOn } from '../parts/redraw-on.ts'
import type { RingSegment } from '../parts/ring-mark.ts'
import { readersPhrase, ringSegments, servedModels, summarizeRing } from '../parts/ring-summary.ts'
import { buttonStyles, floatStyles, sharedStyles } from '../parts/shared-styles.ts'
import { createChatAddress, type ChatAddress } from './chat-address.ts'
import './chat-bar.ts'
import { chatBottom } from './chat-bottom.ts'
import { perform, type ChatDesk } from './chat-commands.ts'
import { chatDialogs } from './chat-dialogs.ts'
import { chatList } from './chat-list.ts'
import { listenToKeys } from './chat-keys.ts'
import type { ChatParts } from './chat-parts.ts'
import { createSidebar } from './chat-sidebar.ts'
import { chatStyles } from './chat-styles.ts'
import './chat-welcome.ts'
import { createFollower } from './follow-end.ts'
import { frameRedraw } from './frame-redraw.ts'
import { modelChoices, type ModelChoice } from './model-choices.ts'
import { redrawWhile } from './redraw-while.ts'
import { remembered } from './remembered.ts'
import './ring-line.ts'
import { createSentenceFeed } from './sentence-feed.ts'
import { createThreadCode } from './thread-code.ts'

/** How often live figures move while an answer runs. */
const TICK_MS = 250

/**
 * The chat: the list of chats, the open one, the input. What a person does is carried out by `chat-commands.ts`.
 *
 * @property parts - what it is made over
 * @fires {CustomEvent<ChatSettings>} keep-settings - what new chats begin with
 */
export class ChatPage extends LitElement implements ChatDesk {
  static override properties = {
    parts: { attribute: false },
    sidebar: { type: Boolean, reflect: true },
    chosen: { state: true },
    refusals: { state: true },
    status: { state: true },
    fileError: { state: true },
  }
  declare parts: ChatParts | null
  /** The list of chats is shown: beside the conversation, or over it. */
  declare sidebar: boolean
  declare private chosen: ModelId | null
  /** Why files were not attached. */
  declare refusals: readonly string[]
  /** What was just done, for screen readers and a moment's note. */
  declare status: string
  /** Why a file of chats was not taken in. */
  declare fileError: WireError | null
  private readonly feed = createSentenceFeed()
  private readonly losses = createRingLosses()
  private readonly follower = createFollower(document.documentElement)
  private readonly side = createSidebar(this)
  private readonly thread = createThreadCode(() => void this.drawThread())
  private address: ChatAddress | null = null
  private drawnState: ChatState | null = null
  private readonly segments = remembered(ringSegments)
  private readonly choices = remembered(modelChoices)
  private readonly summary = remembered(summarizeRing)
  private readonly tick = redrawWhile(this, TICK_MS)

  static override styles = [sharedStyles, buttonStyles, floatStyles, chatStyles]

  constructor() {
    super()
    this.parts = null
    // A link on another page may name the model to ask.
    const named = new URLSearchParams(location.search).get('model')
    this.chosen = isModelId(named) ? named : null
    this.refusals = []
    this.status = ''
    this.fileError = null
    const redraw = frameRedraw(() => this.requestUpdate())
    redrawOn(this, () => {
      const stops = Object.values(this.parts ?? {}).map((part: ChatParts[keyof ChatParts]) => part.onChange(redraw))
      return () => stops.forEach((stop) => stop())
    })
    listenToKeys(
      this,
      () => (this.session?.state().running ?? null) !== null,
      (action) => perform(this, action),
    )
  }

  get session(): ChatSession | null {
    return this.parts?.session ?? null
  }
  get library(): ChatLibrary | null {
    return this.parts?.library ?? null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    addEventListener('popstate', this.onAddress)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    removeEventListener('popstate', this.onAddress)
  }

  private readonly onAddress = (): void => this.address?.read()

  /** @returns the model that the next question goes to */
  model(): ModelId | null {
    const models = servedModels(this.parts?.engine.view() ?? EMPTY_VIEW)
    return this.chosen !== null && models.includes(this.chosen) ? this.chosen : (models[0] ?? null)
  }

  readonly piece = <K extends keyof HTMLElementTagNameMap>(tag: K): HTMLElementTagNameMap[K] | null => this.renderRoot.querySelector(tag)

  /** Asks with what is in the input. */
  send(): void {
    this.losses.forget()
    this.refusals = []
    this.fileError = null
    void this.session?.send(this.model())
    this.follower.follow(true)
  }

  toggleSidebar(isShown = !this.sidebar): void {
    this.side.toggle(isShown)
  }
  closeDrawer(): void {
    this.side.giveWay()
  }

  protected override willUpdate(): void {
    if (this.session && !this.address) {
      this.address = createChatAddress(this.session)
      // A chat that goes on while its owner looked at another page stays open.
      if (location.hash !== '') this.address.read()
    }
    this.tick((this.session?.state().running ?? null) !== null)
    const { engine } = this.parts ?? {}
    if (engine) this.losses.look(engine.view(), this.model(), engine.connection().state === 'online')
    this.follower.look()
  }

  protected override updated(changed: PropertyValues): void {
    super.updated(changed)
    this.address?.write()
    const state = this.session?.state() ?? null
    const isOther = state?.chat.id !== this.drawnState?.chat.id || state?.isLoading !== this.drawnState?.isLoading
    if (state?.chat !== this.drawnState?.chat || state?.running !== this.drawnState?.running) this.follower.follow(isOther)
    this.drawnState = state
  }

  protected override firstUpdated(): void {
    this.thread.fetchLater()
    // A touch keyboard that opens by itself hides half of the page.
    if (matchMedia('(hover: hover)').matches) this.piece('chat-composer')?.focus()
  }

  private readonly chooseModel = ({ detail }: CustomEvent<ModelChoice>): void => {
    this.chosen = detail.id
    if (detail.leads === 'load') void this.parts?.catalog.act(detail.id, 'use')
  }

  /** Messages have grown from nothing: their end is what was asked for. */
  private async drawThread(): Promise<void> {
    this.requestUpdate()
    await this.updateComplete
    this.follower.follow(true)
  }

  private notes(state: ChatState): readonly string[] {
    const lost = this.losses.sentence(state.running !== null)
    return [...(lost === null ? [] : [lost]), ...this.refusals, ...(this.status === '' ? [] : [this.status])]
  }
  private readonly dismiss = ({ detail }: CustomEvent<string>): void => {
    if (detail === this.status) this.status = ''
    else if (this.refusals.includes(detail)) this.refusals = this.refusals.filter((note) => note !== detail)
    else this.losses.forget()
    this.requestUpdate()
  }

  private conversation(state: ChatState, readers: string | null, segments: readonly RingSegment[]) {
    const isEmpty = state.chat.messages.length === 0
    if (!isEmpty) this.thread.fetch()
    if (state.isLoading || (!isEmpty && !this.thread.isHere())) return html`<div aria-busy="true"></div>`
    if (isEmpty) {
      return html`<chat-welcome
        .segments=${segments}
        .readers=${readers}
        ?temporary=${state.isTemporary}
        @suggest=${(event: CustomEvent<string>) => (this.session?.edit(event.detail), this.send())}
      ></chat-welcome>`
    }
    return html`<div>
      <h1 class="visually-hidden">Chat</h1>
      <chat-thread .chat=${state.chat} .running=${state.running} .segments=${segments}></chat-thread>
    </div>`
  }

  protected override render() {
    const { parts } = this
    if (!parts) return null
    const { engine, session, catalog } = parts
    const [state, connection, view, model] = [session.state(), engine.connection(), engine.view(), this.model()]
    const segments = this.segments(view, model)
    const readers = readersPhrase(view, model, selfOf(connection), connection.state === 'online')
    const last = shownPath(state.chat).at(-1)
    return html`${this.side.frame(() => chatList(this, parts))}
      <div class="conversation" @message-action=${(event: CustomEvent<Parameters<typeof perform>[1]>) => perform(this, event.detail)}>
        <div class="top">
          <chat-bar
            .choices=${this.choices(view, catalog.state().cards, catalog.speeds)}
            .model=${model}
            ?temporary=${state.isTemporary}
            ?empty=${state.chat.messages.length === 0}
            ?sidebar=${this.sidebar}
            @bar-action=${(event: CustomEvent<Parameters<typeof perform>[1]>) => perform(this, event.detail)}
            @choose-model=${this.chooseModel}
            @open-picker=${() => void catalog.refresh()}
          ></chat-bar>
          <ring-line .summary=${this.summary(connection, view, model)} .segments=${segments} .busy=${state.running !== null}></ring-line>
        </div>
        ${this.conversation(state, readers, segments)}
        ${chatBottom(this, session, { state, notes: this.notes(state), readers, onDismiss: this.dismiss })}
        <div class="visually-hidden" aria-live="polite" data-live>
          ${this.feed(state.running?.text ?? null, last?.role === 'assistant' ? last.text : '')}
        </div>
      </div>
      ${chatDialogs(session, (settings) => this.dispatchEvent(new CustomEvent('keep-settings', { detail: settings })))}`
  }
}

const selfOf = (connection: Connection) => (connection.state === 'online' ? connection.self : null)

customElements.define('chat-page', ChatPage)

declare global {
  interface HTMLElementTagNameMap {
    'chat-page': ChatPage
  }
}
