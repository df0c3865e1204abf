/** The open chat in the page's address, as a fragment: it never leaves the browser, and back, forward and reload lead where people expect. */
import type { ChatSession } from '../../chat/chat-session.ts'

export type ChatAddress = {
  /** Opens what the address names. */
  readonly read: () => void
  /** Names what is open. */
  readonly write: () => void
}

/** The address for a chat; null for one that nothing keeps. */
const addressOf = (id: string | null): string => `${location.pathname}${location.search}${id === null ? '' : `#${id}`}`

export function createChatAddress(session: ChatSession): ChatAddress {
  /** What the address names and nobody has. */
  let missing: string | null = null
  const named = (): string | null => (/^#[\w-]{1,64}$/.test(location.hash) ? location.hash.slice(1) : null)
  const wanted = (): string | null => {
    const { chat, isTemporary, isLoading } = session.state()
    if (isLoading) return named()
    return isTemporary || chat.messages.length === 0 ? null : chat.id
  }
  return {
    read: () => {
      const id = named()
      if (id !== null) void session.open(id).then(() => (missing = session.state().chat.id === id ? null : id))
      else if (wanted() !== null) session.startNew()
    },
    write: () => {
      const id = wanted()
      if (id === named()) return
      // A new chat gets its name with its first question, and one that is gone loses it: neither is a step of its own.
      if (named() === null || named() === missing) history.replaceState(history.state, '', addressOf(id))
      else history.pushState(null, '', addressOf(id))
    },
  }
}
