import { LitElement, css, html } from 'lit'
import type { ModelId } from '../../../protocol/ids.ts'
import { icon } from '../parts/icons.ts'
import '../parts/menu-button.ts'
import type { MenuItem } from '../parts/menu-button.ts'
import { buttonStyles, sharedStyles } from '../parts/shared-styles.ts'
import type { ModelChoice } from './model-choices.ts'
import './model-picker.ts'

const ACTIONS: readonly MenuItem[] = [
  { id: 'markdown', label: 'Save as Markdown', icon: 'export' },
  { id: 'json', label: 'Save as JSON', icon: 'export' },
  { id: 'help', label: 'Keyboard', icon: 'keyboard' },
]
export type BarAction = 'sidebar' | 'new' | 'temporary' | 'settings' | 'markdown' | 'json' | 'help'

/**
 * Above the conversation: the list of chats, the model, and what is done with the open chat.
 *
 * @property choices - models
 * @property model - the chosen one
 * @property temporary - nothing of this chat is kept
 * @property empty - the chat has no messages yet
 * @property sidebar - the list of chats is shown
 * @fires {CustomEvent<BarAction>} bar-action
 * @fires {CustomEvent<ModelChoice>} choose-model
 * @fires open-picker
 */
export class ChatBar extends LitElement {
  static override properties = {
    choices: { attribute: false },
    model: {},
    temporary: { type: Boolean },
    empty: { type: Boolean },
    sidebar: { type: Boolean },
  }
  declare choices: readonly ModelChoice[]
  declare model: ModelId | null
  declare temporary: boolean
  declare empty: boolean
  declare sidebar: boolean

  static override styles = [
    sharedStyles,
    buttonStyles,
    css`
      div {
        display: flex;
        align-items: center;
        gap: 0.15rem;
        min-height: 2.75rem;
      }
      model-picker {
        margin-right: auto;
      }
      button[aria-pressed='true'] {
        background: var(--accent-soft);
        color: var(--accent);
      }
    `,
  ]

  constructor() {
    super()
    this.choices = []
    this.model = null
    this.temporary = false
    this.empty = true
    this.sidebar = false
  }

  /** Opens the list of models. */
  showModels(): void {
    this.renderRoot.querySelector('model-picker')?.show()
  }

  private tell(action: BarAction): void {
    this.dispatchEvent(new CustomEvent<BarAction>('bar-action', { detail: action }))
  }

  private readonly onPick = ({ detail }: CustomEvent<string>): void => {
    if (detail === 'markdown' || detail === 'json' || detail === 'help') this.tell(detail)
  }

  protected override render() {
    const temporary = this.temporary ? 'Temporary chat: nothing of it is kept' : 'Temporary chat'
    return html`<div role="toolbar" aria-label="Chat">
      <button class="icon" aria-label="Chats" title="Chats" aria-expanded=${this.sidebar ? 'true' : 'false'} @click=${() => this.tell('sidebar')}>
        ${icon('sidebar')}
      </button>
      <model-picker
        .choices=${this.choices}
        .current=${this.model}
        @choose-model=${(event: CustomEvent<ModelChoice>) => this.dispatchEvent(new CustomEvent('choose-model', { detail: event.detail }))}
        @open-picker=${() => this.dispatchEvent(new CustomEvent('open-picker'))}
      ></model-picker>
      <button
        class="icon"
        aria-label=${temporary}
        title=${temporary}
        aria-pressed=${this.temporary ? 'true' : 'false'}
        ?hidden=${!this.empty && !this.temporary}
        @click=${() => this.tell('temporary')}
      >
        ${icon('hidden')}
      </button>
      <button class="icon" aria-label="Settings of this chat" title="Settings of this chat" @click=${() => this.tell('settings')}>
        ${icon('settings')}
      </button>
      <button class="icon" aria-label="New chat" title="New chat" ?hidden=${this.empty || this.sidebar} @click=${() => this.tell('new')}>
        ${icon('write')}
      </button>
      <menu-button label="More" symbol="more" .items=${this.empty ? ACTIONS.slice(-1) : ACTIONS} @pick=${this.onPick}></menu-button>
    </div>`
  }
}
customElements.define('chat-bar', ChatBar)

declare global {
  interface HTMLElementTagNameMap {
    'chat-bar': ChatBar
  }
}
