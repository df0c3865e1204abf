import { html, type TemplateResult } from 'lit'
import { carryOut, type ChatDesk } from './chat-commands.ts'
import './chat-history.ts'
import type { ChatParts } from './chat-parts.ts'

/** The list of chats, beside the conversation or over it. */
export const chatList = (desk: ChatDesk, { library, session }: ChatParts): TemplateResult =>
  html`<chat-history
    .heads=${library.heads()}
    .current=${session.state().chat.id}
    .running=${session.running()}
    ?lasting=${library.isLasting()}
    @history-action=${(event: CustomEvent<Parameters<typeof carryOut>[1]>) => void carryOut(desk, event.detail)}
  ></chat-history>`
