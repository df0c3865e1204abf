import { LitElement, css, html, type PropertyValues } from 'lit'
import { EMPTY_VIEW, shardState } from '../../core/cluster/cluster-view.ts'
import { isModelId, type ModelId } from '../../protocol/ids.ts'
import type { PageEngine } from '../engine/page-engine.ts'
import './chat-composer.ts'
import type { Draft } from './chat-composer.ts'
import './chat-options.ts'
import type { ChatChoice } from './chat-options.ts'
import type { ChatSession } from './chat-session.ts'
import { liveStats, type ChatState } from './chat-thread.ts'
import './chat-turn.ts'
import './chat-welcome.ts'
import './error-note.ts'
import { redrawOn } from './redraw-on.ts'
import './ring-line.ts'
import type { RingSegment } from './ring-mark.ts'
import { readersPhrase, servedModels, summarizeRing } from './ring-summary.ts'
import { createSentenceFeed } from './sentence-feed.ts'
import { buttonStyles, sharedStyles } from './shared-styles.ts'

/** How often live figures move while an answer runs. */
const TICK_MS = 250
/** Within this many pixels of the end, the page follows a growing answer. */
const FOLLOW_PX = 120
/** Exact answers repeat themselves, so another answer needs some freedom. */
const REGENERATE_TEMPERATURE = 0.7

/**
 * The conversation.
 *
 * @property engine - what the page knows of the cluster
 * @property session - the conversation, kept outside of this element
 */
export class ChatPage extends LitElement {
  static override properties = {
    engine: { attribute: false },
    session: { attribute: false },
    choice: { state: true },
  }
  declare engine: PageEngine | null
  declare session: ChatSession | null
  declare private choice: ChatChoice
  private readonly feed = createSentenceFeed()
  /** The conversation that was last scrolled to. */
  private followed: ChatState | undefined
  private tick: ReturnType<typeof setInterval> | null = null

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      :host {
        display: grid;
        grid-template-rows: auto 1fr auto;
        min-height: calc(100dvh - var(--header-height, 3.6rem));
        max-width: 50rem;
        margin: 0 auto;
        padding: 0 clamp(1rem, 4vw, 2rem);
      }
      .top {
        display: flex;
        align-items: flex-start;
        justify-content: space-between;
        gap: 0.75rem;
        padding: 1rem 0 0.25rem;
      }
      .tools {
        display: flex;
        flex: none;
        gap: 0.25rem;
        margin: -0.2rem -0.55rem 0 0;
      }
      ol {
        display: grid;
        align-content: start;
        gap: 1.6rem;
        padding: 1.5rem 0 2rem;
        list-style: none;
      }
      li {
        min-width: 0;
      }
      chat-welcome {
        align-self: center;
      }
      .bottom {
        position: sticky;
        bottom: 0;
        padding: 0.25rem 0 max(0.9rem, env(safe-area-inset-bottom));
        background: linear-gradient(transparent, var(--ground) 1rem);
      }
      error-note {
        margin-bottom: 0.6rem;
      }
    `,
  ]

  constructor() {
    super()
    this.engine = null
    this.session = null
    // A link on another page may name the model to ask.
    const named = new URLSearchParams(location.search).get('model')
    this.choice = { model: isModelId(named) ? named : null, temperature: 0 }
    redrawOn(this, (redraw) => this.engine?.onChange(redraw) ?? (() => undefined))
    redrawOn(this, (redraw) => this.session?.onChange(redraw) ?? (() => undefined))
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.addEventListener('keydown', this.onKey)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.removeEventListener('keydown', this.onKey)
    this.keepTicking(false)
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && !event.isComposing) this.session?.stop()
  }

  private model(): ModelId | null {
    const models = servedModels(this.engine?.view() ?? EMPTY_VIEW)
    return this.choice.model !== null && models.includes(this.choice.model) ? this.choice.model : (models[0] ?? null)
  }

  private segments(): readonly RingSegment[] {
    const view = this.engine?.view() ?? EMPTY_VIEW
    const model = this.model()
    const placement = model === null ? undefined : view.placements.get(model)
    return placement?.shards.map((shard) => ({ weight: shard.endLayer - shard.startLayer, state: shardState(view, placement, shard) })) ?? []
  }

  private send(): void {
    void this.session?.send(this.model(), this.choice.temperature)
    this.follow(true)
  }

  private readonly regenerate = (): void => void this.session?.regenerate(this.model(), Math.max(this.choice.temperature, REGENERATE_TEMPERATURE))

  private readonly suggest = (text: string): void => {
    this.session?.edit(text)
    this.send()
  }

  private startOver(): void {
    this.session?.clear()
    this.renderRoot.querySelector('chat-composer')?.focus()
  }

  /** Keeps the end of the conversation in sight, unless somebody has scrolled up to read. */
  private follow(force = false): void {
    const end = document.documentElement
    const isNearEnd = end.scrollHeight - end.scrollTop - innerHeight < FOLLOW_PX
    // A frame later the elements inside have grown too.
    if (force || isNearEnd) requestAnimationFrame(() => end.scrollTo({ top: end.scrollHeight }))
  }

  private keepTicking(isRunning: boolean): void {
    if (isRunning && this.tick === null) this.tick = setInterval(() => this.requestUpdate(), TICK_MS)
    if (!isRunning && this.tick !== null) {
      clearInterval(this.tick)
      this.tick = null
    }
  }

  protected override willUpdate(): void {
    this.keepTicking((this.session?.state().running ?? null) !== null)
  }

  protected override updated(changed: PropertyValues): void {
    super.updated(changed)
    const state = this.session?.state()
    if (state !== this.followed) this.follow()
    this.followed = state
  }

  protected override firstUpdated(): void {
    this.follow(true)
    // A touch keyboard that opens by itself hides half of the page.
    if (matchMedia('(hover: hover)').matches) this.renderRoot.querySelector('chat-composer')?.focus()
  }

  private thread(state: ChatState) {
    const segments = this.segments()
    const { turns, running } = state
    const live = running ? liveStats(running, performance.now()) : null
    return html`<ol role="log" aria-live="off" aria-busy=${running ? 'true' : 'false'} aria-label="Conversation" @regenerate=${this.regenerate}>
      ${turns.map(
        (turn, index) =>
          html`<li>
            <chat-turn .turn=${turn} .stats=${turn.stats} .last=${index === turns.length - 1 && !running} .segments=${segments}></chat-turn>
          </li>`,
      )}
      ${
        running
          ? html`<li>
              <chat-turn
                .turn=${{ role: 'assistant' as const, text: running.text, finish: null, stats: null }}
                .stats=${live}
                .prompt=${running.prompt}
                .running=${true}
                .segments=${segments}
              ></chat-turn>
            </li>`
          : null
      }
    </ol>`
  }

  protected override render() {
    const { engine, session } = this
    if (!engine || !session) return null
    const state = session.state()
    const last = state.turns.at(-1)
    const lastAnswer = last?.role === 'assistant' ? last.text : ''
    const isEmpty = state.turns.length === 0 && !state.running
    const connection = engine.connection()
    const self = connection.state === 'online' ? connection.self : null
    const summary = summarizeRing(connection, engine.view(), this.model())
    return html`
      <div class="top">
        <ring-line
          .summary=${summary}
          .segments=${this.segments()}
          .readers=${readersPhrase(engine.view(), this.model(), self)}
          .busy=${state.running !== null}
        ></ring-line>
        ${isEmpty ? null : html`<div class="tools"><button class="plain" @click=${() => this.startOver()}>New chat</button></div>`}
      </div>
      ${
        isEmpty
          ? html`<chat-welcome .segments=${this.segments()} @suggest=${(event: CustomEvent<string>) => this.suggest(event.detail)}></chat-welcome>`
          : html`<h1 class="visually-hidden">Chat</h1>
              ${this.thread(state)}`
      }
      <div class="bottom">
        <error-note .error=${state.error}></error-note>
        <chat-composer
          .draft=${state.draft}
          .running=${state.running !== null}
          @draft-change=${(event: CustomEvent<Draft>) => session.edit(event.detail.text)}
          @send=${() => this.send()}
          @stop=${() => session.stop()}
        ></chat-composer>
        <chat-options
          .models=${servedModels(engine.view())}
          .choice=${{ ...this.choice, model: this.model() }}
          @choose=${(event: CustomEvent<ChatChoice>) => (this.choice = event.detail)}
        ></chat-options>
      </div>
      <div class="visually-hidden" aria-live="polite" data-live>${this.feed(state.running?.text ?? null, lastAnswer)}</div>
    `
  }
}
customElements.define('chat-page', ChatPage)

declare global {
  interface HTMLElementTagNameMap {
    'chat-page': ChatPage
  }
}
