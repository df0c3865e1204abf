/** Where chats lie: the browser's IndexedDB, or memory where it has none to give (private windows, full disks). */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import { chatSchema, type Chat } from './chat-record.ts'
import { headOf, type ChatHead } from './chat-search.ts'

/** `heads` holds what the list and search need, so that the page does not read every chat when it opens. */
interface Shelves extends DBSchema {
  chats: { key: string; value: unknown }
  heads: { key: string; value: ChatHead }
}

export type ChatStore = {
  /** False: chats last as long as the page. */
  readonly isLasting: boolean
  readonly heads: () => Promise<readonly ChatHead[]>
  /** Null where there is none, or it is damaged. */
  readonly load: (id: string) => Promise<Chat | null>
  /** All of them or none. */
  readonly save: (chats: readonly Chat[]) => Promise<void>
  readonly remove: (id: string) => Promise<void>
  readonly clear: () => Promise<void>
}

const readChat = (value: unknown): Chat | null => chatSchema.safeParse(value).data ?? null

function lastingStore(database: IDBPDatabase<Shelves>): ChatStore {
  const change = async (work: (chats: (value: Chat) => void, heads: (value: ChatHead) => void) => void): Promise<void> => {
    const transaction = database.transaction(['chats', 'heads'], 'readwrite')
    work(
      (chat) => void transaction.objectStore('chats').put(chat, chat.id),
      (head) => void transaction.objectStore('heads').put(head, head.id),
    )
    await transaction.done
  }
  return {
    isLasting: true,
    heads: () => database.getAll('heads'),
    load: async (id) => readChat(await database.get('chats', id)),
    save: (chats) =>
      change((putChat, putHead) => {
        for (const chat of chats) {
          putChat(chat)
          putHead(headOf(chat))
        }
      }),
    remove: async (id) => {
      const transaction = database.transaction(['chats', 'heads'], 'readwrite')
      void transaction.objectStore('chats').delete(id)
      void transaction.objectStore('heads').delete(id)
      await transaction.done
    },
    clear: async () => {
      const transaction = database.transaction(['chats', 'heads'], 'readwrite')
      void transaction.objectStore('chats').clear()
      void transaction.objectStore('heads').clear()
      await transaction.done
    },
  }
}

/** Chats that nothing keeps. */
export function memoryStore(): ChatStore {
  const chats = new Map<string, Chat>()
  return {
    isLasting: false,
    heads: async () => [...chats.values()].map(headOf),
    load: async (id) => chats.get(id) ?? null,
    save: async (given) => {
      for (const chat of given) chats.set(chat.id, chat)
    },
    remove: async (id) => void chats.delete(id),
    clear: async () => chats.clear(),
  }
}

/** The browser's store; one in memory where there is no database, or it does not open. */
export async function openChatStore(name = 'ringlet-chats'): Promise<ChatStore> {
  try {
    const database = await openDB<Shelves>(name, 1, {
      upgrade: (opened) => {
        opened.createObjectStore('chats')
        opened.createObjectStore('heads')
      },
      // A newer page wants to change the database: this one lets go of it.
      blocking: (_current, _blocked, event) => {
        if (event.target instanceof IDBDatabase) event.target.close()
      },
    })
    return lastingStore(database)
  } catch {
    return memoryStore()
  }
}
