/**
 * Chats as Markdown to read, and back. The branch that is shown is written; comments that no reader shows tell where a chat and each
 * message begin, so that any text, headings included, comes back as it was. A line that looks like such a comment gets a backslash.
 */
import { ClusterError } from '../../protocol/errors.ts'
import { newChat, newMessage, titleOf, type Attachment, type Chat, type Message } from './chat-record.ts'
import { shownPath, withMessage } from './message-tree.ts'

const KINDS = ['chat', 'system', 'user', 'assistant', 'tool', 'reasoning', 'file'] as const
type Kind = (typeof KINDS)[number]
const HEADINGS = { user: '### Question', assistant: '### Answer', tool: '### Result' } as const
/** `<!-- ringlet KIND NAME -->`: NAME is percent-encoded, as a comment may not hold `--`. */
const MARK = /^<!-- ringlet (\w+)(?: (\S+))? -->\r?$/
const mark = (kind: Kind, name = ''): string => `<!-- ringlet ${kind}${name === '' ? '' : ` ${encoded(name)}`} -->`
const encoded = (name: string): string => encodeURIComponent(name).replaceAll('-', '%2D')

const onLines = (text: string, change: (line: string) => string): string => text.split('\n').map(change).join('\n')
const escapeMarks = (text: string): string => onLines(text, (line) => (/^\\*<!-- ringlet /.test(line) ? `\\${line}` : line))
const unescapeMarks = (text: string): string => onLines(text, (line) => (/^\\+<!-- ringlet /.test(line) ? line.slice(1) : line))

/** A fence longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${text}\n${fence}`
}

function messageToMarkdown({ role, text, reasoning, attachments }: Message): string {
  const parts = [
    `${mark(role)}\n${HEADINGS[role]}`,
    ...attachments.map((file) => `${mark('file', file.name)}\n${file.name.replaceAll(/\s+/g, ' ')}\n\n${escapeMarks(fenced(file.text))}`),
    ...(reasoning === '' ? [] : [`${mark('reasoning')}\n${escapeMarks(fenced(reasoning))}`]),
    ...(attachments.length > 0 || reasoning !== '' ? [mark(role, 'text')] : []),
  ]
  return `${parts.join('\n\n')}\n\n${escapeMarks(text)}\n`
}

/** One file of one or more chats. */
export function chatsToMarkdown(chats: readonly Chat[]): string {
  const written = chats.map((chat) => {
    const { system } = chat.settings
    const head = `${mark('chat', chat.title)}\n# ${titleOf(chat).replaceAll(/\s+/g, ' ')}\n`
    return [head, ...(system === '' ? [] : [`${mark('system')}\n${escapeMarks(fenced(system))}\n`]), ...shownPath(chat).map(messageToMarkdown)].join(
      '\n',
    )
  })
  return written.join('\n\n')
}

type Section = { readonly kind: Kind; readonly name: string; readonly lines: string[] }

function sectionsOf(text: string): readonly Section[] {
  const sections: Section[] = []
  for (const line of text.split('\n')) {
    const [, word, name = ''] = MARK.exec(line) ?? []
    const kind = KINDS.find((known) => known === word)
    if (kind !== undefined) sections.push({ kind, name: decoded(name), lines: [] })
    else sections.at(-1)?.lines.push(line)
  }
  return sections
}
function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    // Written by hand: as it stands.
    return name
  }
}

/** Text of a section behind its heading, without the line ends that `chatsToMarkdown` adds around it. */
function bodyOf({ lines, name }: Section, next: Section | undefined): string {
  const body = lines.slice(name === '' ? 2 : 1).join('\n')
  const added = next?.kind === 'chat' ? '\n\n' : '\n'
  return unescapeMarks(body.endsWith(added) ? body.slice(0, -added.length) : body)
}

/** What stands between a fence in line `first` and the one that closes it. */
function unfenced({ lines }: Section, first: number): string {
  const last = lines.lastIndexOf(lines[first] ?? '')
  return last <= first ? '' : unescapeMarks(lines.slice(first + 1, last).join('\n'))
}

/**
 * The chats of a file that `chatsToMarkdown` wrote; each is one branch.
 * @throws {ClusterError} invalid_value when there is no chat in it
 */
export function chatsFromMarkdown(text: string, nowMs: number): readonly Chat[] {
  const sections = sectionsOf(text)
  const chats: Chat[] = []
  let files: Attachment[] = []
  let reasoning = ''
  const change = (next: (chat: Chat) => Chat): void => {
    const chat = chats.at(-1)
    if (chat) chats[chats.length - 1] = next(chat)
  }
  sections.forEach((section, index) => {
    const { kind, name } = section
    const next = sections[index + 1]
    switch (kind) {
      case 'chat':
        chats.push({ ...newChat(nowMs), title: name.slice(0, 500) })
        return
      case 'system':
        return change((chat) => ({ ...chat, settings: { ...chat.settings, system: unfenced(section, 0) } }))
      case 'file':
        files.push({ name: name.slice(0, 255) || 'file.txt', text: unfenced(section, 2) })
        return
      case 'reasoning':
        reasoning = unfenced(section, 0)
        return
      case 'user':
      case 'assistant':
      case 'tool': {
        // A message with files or reasoning has its text behind them, under a mark of its own.
        if (name === '' && (next?.kind === 'file' || next?.kind === 'reasoning')) return
        const given = { text: bodyOf(section, next), attachments: files, reasoning, finish: kind === 'assistant' ? ('stop' as const) : null }
        files = []
        reasoning = ''
        change((chat) => withMessage(chat, newMessage({ parent: chat.leaf, role: kind, created: nowMs, ...given })))
      }
    }
  })
  if (chats.length === 0) throw new ClusterError('invalid_value', 'there is no chat in the file; choose one that was exported here')
  return chats
}
