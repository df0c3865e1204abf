/** What floats above the chat. */
import { html, type TemplateResult } from 'lit'
import type { ChatSettings } from '../../chat/chat-record.ts'
import type { ChatSession } from '../../chat/chat-session.ts'
import '../parts/confirm-dialog.ts'
import './settings-dialog.ts'
import './shortcuts-dialog.ts'

/** @param keep settings that new chats begin with */
export const chatDialogs = (session: ChatSession, keep: (settings: ChatSettings) => void): TemplateResult =>
  html`<settings-dialog
      .settings=${session.state().chat.settings}
      @configure=${(event: CustomEvent<ChatSettings>) => session.configure(event.detail)}
      @keep-settings=${(event: CustomEvent<ChatSettings>) => keep(event.detail)}
    ></settings-dialog>
    <shortcuts-dialog></shortcuts-dialog>
    <confirm-dialog></confirm-dialog>`
