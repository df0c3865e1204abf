/** Finding chats by words: in titles and in everything that was said. Pure. */
import type { Chat } from './chat-record.ts'
import { titleOf } from './chat-record.ts'

/** What the list of chats knows of each. */
export type ChatHead = {
  readonly id: string
  readonly title: string
  readonly updated: number
  /** Title, a line end, and everything that was said. */
  readonly text: string
  /** The same folded, for search: as long as `text`, but for rare characters. */
  readonly words: string
}
/** A chat that was found; `excerpt` shows the place, where it is not in the title. */
export type Found = { readonly id: string; readonly title: string; readonly updated: number; readonly excerpt: string | null }

/** Small letters without accents, so that `cafe` finds `Café`. */
export const folded = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/\p{Mn}+/gu, '')
    .toLowerCase()

/** Longest text of one chat that search looks at, in characters. */
const MOST_WORDS = 200_000
export function headOf(chat: Chat): ChatHead {
  const title = titleOf(chat)
  const said = chat.messages.map(({ text, attachments }) => [text, ...attachments.map(({ name }) => name)].join('\n')).join('\n')
  const text = `${title.replaceAll('\n', ' ')}\n${said}`.slice(0, MOST_WORDS).normalize('NFC')
  return { id: chat.id, title, updated: chat.updated, text, words: folded(text) }
}

const EXCERPT = { before: 24, length: 90 }
/** The line or two around a place in a chat's text, which begins at `from`. */
function excerptAt(text: string, from: number, at: number): string {
  const near = Math.max(from, at - EXCERPT.before)
  // From a whole word on.
  const start = near > from && near < at ? Math.min(at, (text.slice(near, at).search(/\s/) + 1 || at - near) + near) : near
  const cut = text.slice(start, start + EXCERPT.length).replaceAll(/\s+/g, ' ')
  return `${start > from ? '…' : ''}${cut.trim()}${start + EXCERPT.length < text.length ? '…' : ''}`
}

const newestFirst = (a: Pick<ChatHead, 'updated'>, b: Pick<ChatHead, 'updated'>): number => b.updated - a.updated

/** Chats that hold every word of `query`: those with all of them in the title first, then the newest first. All of them for an empty one. */
export function searchChats(heads: readonly ChatHead[], query: string): readonly Found[] {
  const wanted = folded(query).split(/\s+/).filter(Boolean)
  const inTitle: Found[] = []
  const inText: Found[] = []
  for (const { id, title, updated, text, words } of heads.toSorted(newestFirst)) {
    if (!wanted.every((word) => words.includes(word))) continue
    const end = words.indexOf('\n')
    const name = words.slice(0, end)
    const isTitle = wanted.every((word) => name.includes(word))
    const first = wanted.find((word) => !name.includes(word))
    const excerpt = isTitle || first === undefined ? null : excerptAt(text, end + 1, words.indexOf(first, end))
    ;(isTitle ? inTitle : inText).push({ id, title, updated, excerpt })
  }
  return [...inTitle, ...inText]
}

/** Where a list is broken by time: `Today`, `Yesterday`, `Last 7 days`, then months. */
export function ageGroup(updated: number, now: Date): string {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime()
  const days = Math.ceil((midnight - updated) / 86_400_000)
  if (days <= 0) return 'Today'
  if (days === 1) return 'Yesterday'
  if (days <= 7) return 'Last 7 days'
  const when = new Date(updated)
  return when.toLocaleDateString('en', when.getFullYear() === now.getFullYear() ? { month: 'long' } : { month: 'long', year: 'numeric' })
}
