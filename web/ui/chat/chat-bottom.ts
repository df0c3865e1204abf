/** What stands below a conversation: notes, the input, who could read along. */
import { html, nothing, type TemplateResult } from 'lit'
import type { ChatSession, ChatState } from '../../chat/chat-session.ts'
import { takeFiles, takePaste, type ChatDesk } from './chat-commands.ts'
import './chat-composer.ts'
import './chat-notes.ts'

export type ChatBottom = {
  readonly state: ChatState
  readonly notes: readonly string[]
  readonly readers: string | null
  readonly onDismiss: (event: CustomEvent<string>) => void
}

export function chatBottom(desk: ChatDesk, session: ChatSession, { state, notes, readers, onDismiss }: ChatBottom): TemplateResult {
  return html`<div class="bottom">
    <chat-notes .notes=${notes} .error=${state.error} .fileError=${desk.fileError} @dismiss=${onDismiss}></chat-notes>
    <chat-composer
      .draft=${state.draft}
      .files=${state.attachments}
      .running=${state.running !== null}
      @draft-change=${(event: CustomEvent<string>) => session.edit(event.detail)}
      @give-files=${(event: CustomEvent<readonly File[]>) => void takeFiles(desk, event.detail)}
      @paste-text=${(event: CustomEvent<string>) => takePaste(desk, event)}
      @remove-file=${(event: CustomEvent<number>) => session.detach(event.detail)}
      @send=${() => desk.send()}
      @stop=${() => session.stop()}
      @recall=${() => desk.piece('chat-thread')?.editLastQuestion()}
    ></chat-composer>
    <p class="under muted small">${state.chat.messages.length === 0 ? nothing : readers}</p>
  </div>`
}
