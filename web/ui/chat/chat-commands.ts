/** What a person does in the chat, carried out: by keys, by the bar, by the list, on messages, with files. */
import { toClusterError, toWireError, type WireError } from '../../../protocol/errors.ts'
import type { ModelId } from '../../../protocol/ids.ts'
import { isLongPaste, pastedFile, takeFile } from '../../chat/attachments.ts'
import type { ChatLibrary } from '../../chat/chat-library.ts'
import type { ChatSession } from '../../chat/chat-session.ts'
import { shownPath } from '../../chat/message-tree.ts'
import type { ShortcutAction } from '../../chat/shortcuts.ts'
import { copyText } from '../parts/copy-text.ts'
import type { BarAction } from './chat-bar.ts'
import { chooseFiles, openChats, saveChats } from './chat-files.ts'
import type { HistoryAction } from './chat-history.ts'
import type { MessageAction } from './message-action.ts'

/** The page as commands see it. */
export type ChatDesk = {
  readonly session: ChatSession | null
  readonly library: ChatLibrary | null
  refusals: readonly string[]
  status: string
  fileError: WireError | null
  readonly model: () => ModelId | null
  readonly send: () => void
  readonly toggleSidebar: (isShown?: boolean) => void
  readonly closeDrawer: () => void
  readonly piece: <K extends keyof HTMLElementTagNameMap>(tag: K) => HTMLElementTagNameMap[K] | null
  readonly updateComplete: Promise<boolean>
}

/** A note of what was done stays this long. */
const STATUS_MS = 4000

function tell(desk: ChatDesk, status: string): void {
  desk.status = status
  setTimeout(() => {
    if (desk.status === status) desk.status = ''
  }, STATUS_MS)
}

async function copy(desk: ChatDesk, text: string | null, what: string): Promise<void> {
  if (text === null || text === '') return tell(desk, `There is no ${what} to copy yet.`)
  tell(desk, (await copyText(text)) ? `Copied the last ${what}.` : 'The browser does not let this page copy.')
}

async function copyLastCode(desk: ChatDesk, answer: string): Promise<void> {
  const { lastCode } = await import('./markdown-html.ts')
  await copy(desk, lastCode(answer), 'code')
}

const lastAnswer = (session: ChatSession): string | null =>
  shownPath(session.state().chat).findLast(({ role, text }) => role === 'assistant' && text !== '')?.text ?? null

async function search(desk: ChatDesk): Promise<void> {
  desk.toggleSidebar(true)
  await desk.updateComplete
  const list = desk.piece('chat-history')
  await list?.updateComplete
  list?.focusSearch()
}

function startNew(desk: ChatDesk, isTemporary = false): void {
  desk.session?.startNew(isTemporary)
  desk.closeDrawer()
  desk.piece('chat-composer')?.focus()
}

/** A shortcut, a button of the bar, or something done with a message. */
export function perform(desk: ChatDesk, action: ShortcutAction | BarAction | MessageAction): void {
  const { session } = desk
  if (!session) return
  if (typeof action !== 'string') return void onMessage(session, desk.model(), action)
  switch (action) {
    case 'new':
    case 'new-chat':
      return startNew(desk)
    case 'temporary':
      return startNew(desk, !session.state().isTemporary)
    case 'search':
      return void search(desk)
    case 'sidebar':
      return desk.toggleSidebar()
    case 'model':
      return desk.piece('chat-bar')?.showModels()
    case 'copy-last':
      return void copy(desk, lastAnswer(session), 'answer')
    case 'copy-code':
      return void copyLastCode(desk, lastAnswer(session) ?? '')
    case 'focus-input':
      return desk.piece('chat-composer')?.focus()
    case 'stop':
      return session.stop()
    case 'help':
      return desk.piece('shortcuts-dialog')?.show()
    case 'settings':
      return desk.piece('settings-dialog')?.show()
    case 'json':
    case 'markdown':
      return saveChats([session.state().chat], action)
  }
}

function onMessage(session: ChatSession, model: ModelId | null, action: MessageAction): Promise<void> | void {
  switch (action.type) {
    case 'regenerate':
      return session.regenerate(action.id, model)
    case 'resend':
      return session.resend(action.id, action.text, model)
    case 'rewrite':
      return session.rewrite(action.id, action.text)
    case 'show':
      return session.show(action.id)
    case 'go-on':
      return session.goOn(action.id, action.text, model)
    case 'result':
      return session.giveResult(action.id, action.call, action.text, model)
  }
}

/** Something done with a chat of the list, or with all of them. */
export async function carryOut(desk: ChatDesk, action: HistoryAction): Promise<void> {
  const { session, library } = desk
  if (!session || !library) return
  desk.fileError = null
  switch (action.type) {
    case 'new':
      return startNew(desk)
    case 'open':
      desk.closeDrawer()
      return session.open(action.id)
    case 'rename':
      return rename(session, library, action.id, action.title)
    case 'delete':
      return remove(desk, library, action.id)
    case 'save': {
      const chats = action.id === null ? await library.all() : [await library.load(action.id)].flatMap((chat) => chat ?? [])
      if (chats.length === 0) return tell(desk, 'There are no chats to save yet.')
      return saveChats(chats, action.as)
    }
    case 'import':
      return takeChats(desk, library)
  }
}

async function rename(session: ChatSession, library: ChatLibrary, id: string, title: string): Promise<void> {
  if (session.state().chat.id === id) session.rename(title)
  else await library.rename(id, title)
}

async function remove(desk: ChatDesk, library: ChatLibrary, id: string | null): Promise<void> {
  const title = library.heads().find((head) => head.id === id)?.title
  const count = library.heads().length
  if (id === null && count === 0) return tell(desk, 'There are no chats to delete.')
  const isSure = await desk.piece('confirm-dialog')?.ask({
    title: id === null ? `Delete all ${count} chats?` : `Delete “${title ?? 'this chat'}”?`,
    text:
      id === null
        ? 'They cannot be brought back. Save them as a file first if you may want them again.'
        : 'It cannot be brought back. Save it as a file first if you may want it again.',
    yes: 'Delete',
    no: 'Keep',
  })
  if (!isSure) return
  await (id === null ? library.removeAll() : library.remove(id))
}

async function takeChats(desk: ChatDesk, library: ChatLibrary): Promise<void> {
  const files = await chooseFiles()
  if (files.length === 0) return
  try {
    tell(desk, await openChats(files, library))
  } catch (thrown) {
    desk.fileError = toWireError(toClusterError(thrown))
  }
}

/** Text goes with the question; anything else is refused in words, and what was typed stays. */
export async function takeFiles(desk: ChatDesk, files: readonly File[]): Promise<void> {
  const taken = await Promise.all(files.map(takeFile))
  desk.session?.attach(taken.flatMap((one) => ('attachment' in one ? [one.attachment] : [])))
  desk.refusals = taken.flatMap((one) => ('refusal' in one ? [one.refusal] : []))
  desk.piece('chat-composer')?.focus()
}

/** A long paste becomes a file; a short one is left to the field. */
export function takePaste(desk: ChatDesk, event: CustomEvent<string>): void {
  const { session } = desk
  if (!session || !isLongPaste(event.detail)) return
  event.preventDefault()
  session.attach([pastedFile(event.detail, session.state().attachments)])
}
