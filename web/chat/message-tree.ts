/** A chat's messages as a tree: each answer may have others beside it, and one branch is shown. Pure. */
import type { Chat, Message } from './chat-record.ts'

/** The branch that is shown, from its first message to its leaf. */
export function shownPath({ messages, leaf }: Pick<Chat, 'messages' | 'leaf'>): readonly Message[] {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const path: Message[] = []
  for (let at = leaf === null ? undefined : byId.get(leaf); at; at = at.parent === null ? undefined : byId.get(at.parent)) path.push(at)
  return path.reverse()
}

/** The messages that stand in for each other at one place, oldest first, and which of them `id` is. */
export function siblingsOf({ messages }: Pick<Chat, 'messages'>, id: string): { readonly ids: readonly string[]; readonly index: number } {
  const parent = messages.find((message) => message.id === id)?.parent
  const ids = messages.filter((message) => message.parent === parent).map((message) => message.id)
  return { ids, index: ids.indexOf(id) }
}

/** Where a branch that begins with `id` ends: always the newest message goes on. */
export function newestLeaf({ messages }: Pick<Chat, 'messages'>, id: string): string {
  let leaf = id
  // Children stand behind their parents, so one pass sees every step.
  for (const message of messages) if (message.parent === leaf) leaf = newestChild(messages, leaf)
  return leaf
}
function newestChild(messages: readonly Message[], parent: string): string {
  return messages.findLast((message) => message.parent === parent)?.id ?? parent
}

/** The chat with one message more, at the end of the branch that is shown from now on. */
export const withMessage = (chat: Chat, message: Message): Chat => ({
  ...chat,
  messages: [...chat.messages, message],
  leaf: message.id,
  updated: Math.max(chat.updated, message.created),
})

/** The chat with a message changed in place: no new branch. */
export const withChange = (chat: Chat, id: string, change: Partial<Omit<Message, 'id' | 'parent' | 'role'>>): Chat => ({
  ...chat,
  messages: chat.messages.map((message) => (message.id === id ? { ...message, ...change } : message)),
})

/** Without a message and whatever follows it; the branch shown ends before it, if it was on it. */
export function withoutMessage(chat: Chat, id: string): Chat {
  const gone = new Set([id])
  for (const { id: child, parent } of chat.messages) if (parent !== null && gone.has(parent)) gone.add(child)
  const messages = chat.messages.filter((message) => !gone.has(message.id))
  const parent = chat.messages.find((message) => message.id === id)?.parent ?? null
  const leaf = chat.leaf === null || !gone.has(chat.leaf) ? chat.leaf : (parent ?? messages.at(-1)?.id ?? null)
  return { ...chat, messages, leaf }
}
