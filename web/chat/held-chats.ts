/** The chats that a page has in hand: the open one, and those in which an answer is being written. */
import type { ChatLibrary } from './chat-library.ts'
import type { Chat } from './chat-record.ts'

export type HeldChats = {
  readonly open: () => Chat
  readonly setOpen: (chat: Chat) => void
  /** One in which an answer is being written. */
  readonly writing: (id: string) => Chat | undefined
  readonly allWriting: () => readonly string[]
  readonly hold: (chat: Chat) => void
  readonly release: (id: string) => void
  /** Nothing of it is kept from now on. */
  readonly makeTemporary: (id: string) => void
  readonly isTemporary: (id: string) => boolean
  /** Changes a chat wherever it is; null where it is not in hand. */
  readonly change: (id: string, next: (chat: Chat) => Chat) => Chat | null
  /** Writes it to the store, unless it is temporary or empty. */
  readonly keep: (id: string) => void
}

export function createHeldChats(first: Chat, library: ChatLibrary, onChange: () => void): HeldChats {
  const writing = new Map<string, Chat>()
  const temporary = new Set<string>()
  let open = first
  const find = (id: string): Chat | undefined => (open.id === id ? open : writing.get(id))
  return {
    open: () => open,
    setOpen: (chat) => void (open = chat),
    writing: (id) => writing.get(id),
    allWriting: () => [...writing.keys()],
    hold: (chat) => void writing.set(chat.id, chat),
    release: (id) => void writing.delete(id),
    makeTemporary: (id) => void temporary.add(id),
    isTemporary: (id) => temporary.has(id),
    change: (id, next) => {
      const before = find(id)
      if (!before) return null
      const chat = next(before)
      if (open.id === id) open = chat
      if (writing.has(id)) writing.set(id, chat)
      onChange()
      return chat
    },
    keep: (id) => {
      const chat = find(id)
      if (!chat || temporary.has(id) || chat.messages.length === 0) return
      // Where the disk refuses, the chat lives as long as the page; the list says so.
      library.keep(chat).catch(() => undefined)
    },
  }
}
