/** The chat that is open, and every answer that is being written. It outlives the chat's elements, so answers go on while their owner looks elsewhere. */
import { toClusterError, toWireError, type WireError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { ChatAnswers } from '../engine/chat-answers.ts'
import { runAnswers } from './answer-runs.ts'
import type { ChatLibrary } from './chat-library.ts'
import { newChat, newMessage, type Attachment, type Chat, type ChatSettings } from './chat-record.ts'
import { requestOf } from './chat-turns.ts'
import { newestLeaf, shownPath, withChange, withMessage, withoutMessage } from './message-tree.ts'
import type { RunningAnswer } from './running-answer.ts'

export type ChatState = {
  readonly chat: Chat
  /** It is being read from the store. */
  readonly isLoading: boolean
  /** Nothing of it is kept. */
  readonly isTemporary: boolean
  /** The answer that is being written in this chat. */
  readonly running: RunningAnswer | null
  /** Why the last question got no whole answer. */
  readonly error: WireError | null
  /** What stands in the input, and the files beside it. */
  readonly draft: string
  readonly attachments: readonly Attachment[]
}

export type ChatSession = {
  readonly state: () => ChatState
  /** Chats in which an answer is being written, open or not; the same set until that changes. */
  readonly running: () => ReadonlySet<string>
  /** Called after each change. Returns the way to unsubscribe. */
  readonly onChange: (listener: () => void) => () => void
  readonly edit: (draft: string) => void
  readonly attach: (files: readonly Attachment[]) => void
  readonly detach: (index: number) => void
  /** Asks with the draft. `model` null means that nothing is served: the question stays in the input, with the reason. */
  readonly send: (model: ModelId | null) => Promise<void>
  /** Another answer beside a given one, or the first one to a question. */
  readonly regenerate: (message: string, model: ModelId | null) => Promise<void>
  /** Another version of a question, asked at once. */
  readonly resend: (question: string, text: string, model: ModelId | null) => Promise<void>
  /** Another answer that begins with `text` and goes on from there. */
  readonly goOn: (answer: string, text: string, model: ModelId | null) => Promise<void>
  /** What a function returned; asks for the answer that follows once every call has its result. */
  readonly giveResult: (answer: string, call: string, text: string, model: ModelId | null) => Promise<void>
  /** Changes a message where it stands. */
  readonly rewrite: (message: string, text: string) => void
  /** Shows the branch that a message is on. */
  readonly show: (message: string) => void
  readonly configure: (settings: ChatSettings) => void
  readonly rename: (title: string) => void
  /** Keeps the text so far. */
  readonly stop: () => void
  readonly open: (chat: string) => Promise<void>
  readonly startNew: (isTemporary?: boolean) => void
  readonly dismissError: () => void
}

export type ChatSessionOptions = {
  readonly answers: ChatAnswers
  readonly library: ChatLibrary
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Milliseconds since 1970. */
  readonly date: () => number
  /** What new chats begin with. */
  readonly settings: () => ChatSettings
}

/** Exact answers repeat themselves, so another answer needs some freedom. */
const REGENERATE_TEMPERATURE = 0.7
const NO_MODEL: WireError = { code: 'no_ring', message: 'no model is served here yet' }

export function createChatSession({ answers, library, now, date, settings }: ChatSessionOptions): ChatSession {
  const listeners = new Set<() => void>()
  /** The open chat, and those in which an answer is being written. */
  const chats = new Map<string, Chat>()
  const temporary = new Set<string>()
  let open: Chat = newChat(date(), settings())
  let [draft, isLoading] = ['', false]
  let attachments: readonly Attachment[] = []
  let error: WireError | null = null
  let opening = 0
  const tell = (): void => {
    for (const listener of [...listeners]) listener()
  }

  /** Changes a chat wherever it is, and keeps it unless it is temporary. */
  function change(id: string, next: (chat: Chat) => Chat): Chat | null {
    const before = open.id === id ? open : chats.get(id)
    if (!before) return null
    const chat = next(before)
    if (open.id === id) open = chat
    if (chats.has(id)) chats.set(id, chat)
    tell()
    return chat
  }
  function keep(id: string): void {
    const chat = open.id === id ? open : chats.get(id)
    if (!chat || temporary.has(id) || chat.messages.length === 0) return
    // Where the disk refuses, the chat lives as long as the page; the list says so.
    library.keep(chat).catch(() => undefined)
  }
  const runs = runAnswers({
    now,
    onChange: tell,
    onMessage: (chat, message, outcome, isOver) => {
      change(chat, (before) => withChange({ ...before, updated: date() }, message, outcome))
      keep(chat)
      if (isOver) chats.delete(chat)
    },
    onFailure: (chat, message, failure, isEmpty) => {
      if (open.id === chat) error = failure
      if (isEmpty) giveBack(chat, message)
      keep(chat)
      chats.delete(chat)
      tell()
    },
  })

  /** An answer that never began leaves no trace; a question that was just asked returns to the input, unless something new was typed meanwhile. */
  function giveBack(id: string, answer: string): void {
    change(id, (chat) => {
      const cut = withoutMessage(chat, answer)
      return cut.leaf === null ? cut : { ...cut, leaf: newestLeaf(cut, cut.leaf) }
    })
    const question = open.id === id ? shownPath(open).at(-1) : undefined
    if (question?.role !== 'user' || question.id !== justAsked || draft.trim() !== '' || attachments.length > 0) return
    draft = question.text
    attachments = question.attachments
    change(id, (chat) => withoutMessage(chat, question.id))
    if (open.messages.length === 0) library.remove(id).catch(() => undefined)
  }
  let justAsked: string | null = null

  /** Asks for an answer at the end of the branch that is shown; `before` is text that it begins with. */
  async function answer(
    model: ModelId | null,
    { before = '', freedom = null }: { readonly before?: string; readonly freedom?: number | null } = {},
  ): Promise<void> {
    const { id } = open
    if (runs.of(id)) return
    error = null
    const message = newMessage({ parent: open.leaf, role: 'assistant', created: date(), text: before, given: before.length, model })
    change(id, (chat) => withMessage(chat, message))
    chats.set(id, open)
    if (model === null) return runs.fail(id, message.id, NO_MODEL)
    const abort = new AbortController()
    try {
      const path = shownPath(open).filter((one) => one.id !== message.id || before !== '')
      const asked = freedom === null ? open.settings : { ...open.settings, temperature: Math.max(open.settings.temperature ?? 0, freedom) }
      const request = requestOf(model, asked, path, abort.signal)
      keep(id)
      await runs.follow(id, message.id, abort, answers.ask(temporary.has(id) ? request : { ...request, conversation: message.id }), before)
    } catch (thrown) {
      runs.fail(id, message.id, toWireError(toClusterError(thrown)))
    }
  }

  function say(message: Parameters<typeof newMessage>[0]): void {
    const said = newMessage(message)
    justAsked = said.role === 'user' ? said.id : null
    change(open.id, (chat) => withMessage(chat, said))
  }

  /** What nobody has an answer to any more is cut off; the rest is read on. */
  function resumeIn(chat: Chat): void {
    for (const { id, role, finish, text, given } of chat.messages) {
      if (role !== 'assistant' || finish !== null || runs.of(chat.id)) continue
      const abort = new AbortController()
      chats.set(chat.id, chat)
      void runs.follow(chat.id, id, abort, answers.resume(id, abort.signal), text.slice(0, given), true)
    }
  }

  async function show(id: string): Promise<void> {
    if (open.id === id) return
    opening += 1
    const current = opening
    const known = chats.get(id)
    error = null
    isLoading = known === undefined
    if (known) open = known
    tell()
    if (known) return
    const chat = await library.load(id).catch(() => null)
    if (current !== opening) return
    isLoading = false
    open = chat ?? newChat(date(), settings())
    tell()
    if (chat) resumeIn(chat)
  }

  function startNew(isTemporary = false): void {
    opening += 1
    open = newChat(date(), settings())
    if (isTemporary) temporary.add(open.id)
    error = null
    isLoading = false
    tell()
  }

  library.onChange(tell)
  library.onNews(({ id, isGone }) => {
    if (isGone) {
      for (const chat of [...chats.keys()]) {
        if (temporary.has(chat) || (id !== null && id !== chat)) continue
        runs.drop(chat)
        chats.delete(chat)
      }
    }
    const { id: current } = open
    if ((id !== null && id !== current) || open.messages.length === 0 || temporary.has(current) || runs.of(current)) return
    if (isGone) return startNew()
    void library.load(current).then((chat) => {
      if (!chat || open.id !== current || runs.of(current)) return
      open = chat
      tell()
    })
  })

  return {
    state: () => ({ chat: open, isLoading, isTemporary: temporary.has(open.id), running: runs.of(open.id), error, draft, attachments }),
    running: runs.chats,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    edit: (text) => {
      draft = text
      tell()
    },
    attach: (files) => {
      attachments = [...attachments, ...files]
      tell()
    },
    detach: (index) => {
      attachments = attachments.filter((_, at) => at !== index)
      tell()
    },
    send: async (model) => {
      const text = draft.trim()
      if ((text === '' && attachments.length === 0) || runs.of(open.id) || isLoading) return
      const files = [...attachments]
      draft = ''
      attachments = []
      say({ parent: open.leaf, role: 'user', created: date(), text, attachments: files })
      await answer(model)
    },
    regenerate: async (id, model) => {
      const message = open.messages.find((one) => one.id === id)
      if (!message || runs.of(open.id)) return
      justAsked = null
      const parent = message.role === 'assistant' ? message.parent : message.id
      const isAnother = open.messages.some((one) => one.parent === parent && one.role === 'assistant')
      change(open.id, (chat) => ({ ...chat, leaf: parent }))
      await answer(model, { freedom: isAnother ? REGENERATE_TEMPERATURE : null })
    },
    resend: async (id, text, model) => {
      const question = open.messages.find((one) => one.id === id)
      if (!question || runs.of(open.id)) return
      say({ parent: question.parent, role: 'user', created: date(), text, attachments: question.attachments })
      justAsked = null
      await answer(model)
    },
    goOn: async (id, text, model) => {
      const message = open.messages.find((one) => one.id === id)
      if (!message || runs.of(open.id)) return
      change(open.id, (chat) => ({ ...chat, leaf: message.parent }))
      await answer(model, { before: text })
    },
    giveResult: async (id, call, text, model) => {
      if (runs.of(open.id)) return
      say({ parent: open.leaf, role: 'tool', created: date(), text, callId: call })
      keep(open.id)
      const path = shownPath(open)
      const given = new Set(path.map(({ callId }) => callId))
      const calls = path.find((one) => one.id === id)?.calls ?? []
      if (calls.every((one) => given.has(one.id))) await answer(model)
    },
    rewrite: (id, text) => {
      change(open.id, (chat) => withChange({ ...chat, updated: date() }, id, { text, tokens: null }))
      keep(open.id)
    },
    show: (id) => {
      change(open.id, (chat) => ({ ...chat, leaf: newestLeaf(chat, id) }))
      keep(open.id)
    },
    configure: (next) => {
      change(open.id, (chat) => ({ ...chat, settings: next }))
      keep(open.id)
    },
    rename: (title) => {
      change(open.id, (chat) => ({ ...chat, title: title.slice(0, 500) }))
      keep(open.id)
    },
    stop: () => runs.stop(open.id),
    open: show,
    startNew,
    dismissError: () => {
      error = null
      tell()
    },
  }
}
