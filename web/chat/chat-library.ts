/** All chats of this browser: the list, what is done with whole chats, and what other tabs did meanwhile. */
import type { Chat } from './chat-record.ts'
import { headOf, type ChatHead } from './chat-search.ts'
import { memoryStore, type ChatStore } from './chat-store.ts'

/** What became of a chat; null for any number of them. */
export type ChatNews = { readonly id: string | null; readonly isGone: boolean }
/** Tells other tabs. */
export type ChatBroadcast = { readonly post: (news: ChatNews) => void; readonly onMessage: (listener: (news: ChatNews) => void) => void }

export type ChatLibrary = {
  /** False until the store was read. */
  readonly isRead: () => boolean
  /** False: chats last as long as the page. */
  readonly isLasting: () => boolean
  /** The same list until it changes. */
  readonly heads: () => readonly ChatHead[]
  /** Called after each change of the list. Returns the way to unsubscribe. */
  readonly onChange: (listener: () => void) => () => void
  /** Another tab changed a chat, or this one or another removed it. */
  readonly onNews: (listener: (news: ChatNews) => void) => void
  readonly load: (id: string) => Promise<Chat | null>
  readonly keep: (chat: Chat) => Promise<void>
  readonly rename: (id: string, title: string) => Promise<void>
  readonly remove: (id: string) => Promise<void>
  readonly removeAll: () => Promise<void>
  readonly all: () => Promise<readonly Chat[]>
  /** Takes chats of a file in; of one that is here already the newer stays. How many were taken. */
  readonly add: (chats: readonly Chat[]) => Promise<number>
}

export function createChatLibrary(opening: Promise<ChatStore>, broadcast: ChatBroadcast): ChatLibrary {
  const listeners = new Set<() => void>()
  const readers = new Set<(news: ChatNews) => void>()
  let store: ChatStore = memoryStore()
  let heads = new Map<string, ChatHead>()
  let isRead = false
  let list: readonly ChatHead[] = []
  const changed = (): void => {
    list = [...heads.values()]
    for (const listener of [...listeners]) listener()
  }
  async function read(): Promise<void> {
    heads = new Map((await store.heads()).map((head) => [head.id, head]))
    isRead = true
    changed()
  }
  const ready = opening.then(async (opened) => {
    store = opened
    await read()
  })
  const spread = (news: ChatNews): void => {
    for (const reader of [...readers]) reader(news)
  }
  async function takeNews(news: ChatNews): Promise<void> {
    await ready
    const { id, isGone } = news
    if (id === null) await read()
    else {
      const chat = isGone ? null : await store.load(id)
      if (chat) heads.set(id, headOf(chat))
      else heads.delete(id)
      changed()
    }
    spread(news)
  }
  // A store that fails now fails again, and tells, when its chat is asked for.
  broadcast.onMessage((news) => void takeNews(news).catch(() => undefined))

  async function save(chats: readonly Chat[]): Promise<void> {
    await ready
    for (const chat of chats) heads.set(chat.id, headOf(chat))
    changed()
    await store.save(chats)
    broadcast.post({ id: chats.length === 1 ? (chats[0]?.id ?? null) : null, isGone: false })
  }
  const load = async (id: string): Promise<Chat | null> => {
    await ready
    return store.load(id)
  }
  async function all(): Promise<readonly Chat[]> {
    await ready
    const chats = await Promise.all([...heads.keys()].map((id) => store.load(id)))
    return chats.flatMap((chat) => chat ?? []).toSorted((a, b) => b.updated - a.updated)
  }
  return {
    isRead: () => isRead,
    isLasting: () => !isRead || store.isLasting,
    heads: () => list,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onNews: (listener) => void readers.add(listener),
    load,
    keep: (chat) => save([chat]),
    rename: async (id, title) => {
      const chat = await load(id)
      if (chat) await save([{ ...chat, title: title.trim().slice(0, 500) }])
    },
    remove: async (id) => {
      await ready
      heads.delete(id)
      changed()
      spread({ id, isGone: true })
      await store.remove(id)
      broadcast.post({ id, isGone: true })
    },
    removeAll: async () => {
      await ready
      heads.clear()
      changed()
      spread({ id: null, isGone: true })
      await store.clear()
      broadcast.post({ id: null, isGone: true })
    },
    all,
    add: async (chats) => {
      await ready
      const newer = chats.filter(({ id, updated }) => (heads.get(id)?.updated ?? -1) < updated)
      if (newer.length > 0) await save(newer)
      return newer.length
    },
  }
}

/** Between the tabs of one browser. */
export function tabBroadcast(): ChatBroadcast {
  if (!('BroadcastChannel' in globalThis)) return { post: () => undefined, onMessage: () => undefined }
  const channel = new BroadcastChannel('ringlet-chats')
  return {
    post: (news) => channel.postMessage(news),
    onMessage: (listener) => channel.addEventListener('message', (event: MessageEvent<ChatNews>) => listener(event.data)),
  }
}
