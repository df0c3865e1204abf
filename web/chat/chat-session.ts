/** The chat that is open, and every answer that is being written. It outlives the chat's elements, so answers go on while their owner looks elsewhere. */
import { toClusterError, toWireError, type WireError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { ChatAnswers } from '../engine/chat-answers.ts'
import { runAnswers } from './answer-runs.ts'
import type { ChatLibrary } from './chat-library.ts'
import { newChat, newMessage, type Attachment, type Chat, type ChatSettings } from './chat-record.ts'
import { requestOf } from './chat-turns.ts'
import { createDraft } from './draft.ts'
import { createHeldChats } from './held-chats.ts'
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
  const tell = (): void => {
    for (const listener of [...listeners]) listener()
  }
  const chats = createHeldChats(newChat(date(), settings()), library, tell)
  const { open, change, keep } = chats
  const draft = createDraft(tell)
  let isLoading = false
  let error: WireError | null = null
  let opening = 0
  let justAsked: string | null = null

  const runs = runAnswers({
    now,
    onChange: tell,
    onMessage: (chat, message, outcome, isOver) => {
      change(chat, (before) => withChange({ ...before, updated: date() }, message, outcome))
      keep(chat)
      if (isOver) chats.release(chat)
    },
    onFailure: (chat, message, failure, isEmpty) => {
      if (open().id === chat) error = failure
      if (isEmpty) giveBack(chat, message)
      keep(chat)
      chats.release(chat)
      tell()
    },
  })

  /** An answer that never began leaves no trace; a question that was just asked returns to the input, unless something new was typed meanwhile. */
  function giveBack(id: string, answer: string): void {
    change(id, (chat) => {
      const cut = withoutMessage(chat, answer)
      return cut.leaf === null ? cut : { ...cut, leaf: newestLeaf(cut, cut.leaf) }
    })
    const question = open().id === id ? shownPath(open()).at(-1) : undefined
    if (question?.role !== 'user' || question.id !== justAsked || !draft.giveBack(question)) return
    change(id, (chat) => withoutMessage(chat, question.id))
    if (open().messages.length === 0) library.remove(id).catch(() => undefined)
  }

  /** Asks for an answer at the end of the branch that is shown; `before` is text that it begins with. */
  async function answer(
    model: ModelId | null,
    { before = '', freedom = null }: { readonly before?: string; readonly freedom?: number | null } = {},
  ): Promise<void> {
    const { id } = open()
    if (runs.of(id)) return
    error = null
    const message = newMessage({ parent: open().leaf, role: 'assistant', created: date(), text: before, given: before.length, model })
    change(id, (chat) => withMessage(chat, message))
    chats.hold(open())
    if (model === null) return runs.fail(id, message.id, NO_MODEL)
    const abort = new AbortController()
    try {
      const path = shownPath(open()).filter((one) => one.id !== message.id || before !== '')
      const asked = freedom === null ? open().settings : { ...open().settings, temperature: Math.max(open().settings.temperature ?? 0, freedom) }
      const request = requestOf(model, asked, path, abort.signal)
      keep(id)
      await runs.follow(id, message.id, abort, answers.ask(chats.isTemporary(id) ? request : { ...request, conversation: message.id }), before)
    } catch (thrown) {
      runs.fail(id, message.id, toWireError(toClusterError(thrown)))
    }
  }

  function say(message: Parameters<typeof newMessage>[0]): void {
    const said = newMessage(message)
    justAsked = said.role === 'user' ? said.id : null
    change(open().id, (chat) => withMessage(chat, said))
  }

  /** What nobody has an answer to any more is cut off; the rest is read on. */
  function resumeIn(chat: Chat): void {
    for (const { id, role, finish, text, given } of chat.messages) {
      if (role !== 'assistant' || finish !== null || runs.of(chat.id)) continue
      const abort = new AbortController()
      chats.hold(chat)
      void runs.follow(chat.id, id, abort, answers.resume(id, abort.signal), text.slice(0, given), true)
    }
  }

  async function show(id: string): Promise<void> {
    if (open().id === id) return
    opening += 1
    const current = opening
    const known = chats.writing(id)
    error = null
    isLoading = known === undefined
    if (known) chats.setOpen(known)
    tell()
    if (known) return
    const chat = await library.load(id).catch(() => null)
    if (current !== opening) return
    isLoading = false
    chats.setOpen(chat ?? newChat(date(), settings()))
    tell()
    if (chat) resumeIn(chat)
  }

  function startNew(isTemporary = false): void {
    opening += 1
    chats.setOpen(newChat(date(), settings()))
    if (isTemporary) chats.makeTemporary(open().id)
    error = null
    isLoading = false
    tell()
  }

  library.onChange(tell)
  library.onNews(({ id, isGone }) => {
    if (isGone) {
      for (const chat of chats.allWriting()) {
        if (chats.isTemporary(chat) || (id !== null && id !== chat)) continue
        runs.drop(chat)
        chats.release(chat)
      }
    }
    const { id: current } = open()
    if ((id !== null && id !== current) || open().messages.length === 0 || chats.isTemporary(current) || runs.of(current)) return
    if (isGone) return startNew()
    void library.load(current).then((chat) => {
      if (!chat || open().id !== current || runs.of(current)) return
      chats.setOpen(chat)
      tell()
    })
  })

  return {
    state: () => ({
      chat: open(),
      isLoading,
      isTemporary: chats.isTemporary(open().id),
      running: runs.of(open().id),
      error,
      draft: draft.now().text,
      attachments: draft.now().attachments,
    }),
    running: runs.chats,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    edit: draft.edit,
    attach: draft.attach,
    detach: draft.detach,
    send: async (model) => {
      if (runs.of(open().id) || isLoading) return
      const question = draft.take()
      if (!question) return
      say({ parent: open().leaf, role: 'user', created: date(), ...question })
      await answer(model)
    },
    regenerate: async (id, model) => {
      const message = open().messages.find((one) => one.id === id)
      if (!message || runs.of(open().id)) return
      justAsked = null
      const parent = message.role === 'assistant' ? message.parent : message.id
      const isAnother = open().messages.some((one) => one.parent === parent && one.role === 'assistant')
      change(open().id, (chat) => ({ ...chat, leaf: parent }))
      await answer(model, { freedom: isAnother ? REGENERATE_TEMPERATURE : null })
    },
    resend: async (id, text, model) => {
      const question = open().messages.find((one) => one.id === id)
      if (!question || runs.of(open().id)) return
      say({ parent: question.parent, role: 'user', created: date(), text, attachments: question.attachments })
      justAsked = null
      await answer(model)
    },
    goOn: async (id, text, model) => {
      const message = open().messages.find((one) => one.id === id)
      if (!message || runs.of(open().id)) return
      change(open().id, (chat) => ({ ...chat, leaf: message.parent }))
      await answer(model, { before: text })
    },
    giveResult: async (id, call, text, model) => {
      if (runs.of(open().id)) return
      say({ parent: open().leaf, role: 'tool', created: date(), text, callId: call })
      keep(open().id)
      const path = shownPath(open())
      const given = new Set(path.map(({ callId }) => callId))
      const calls = path.find((one) => one.id === id)?.calls ?? []
      if (calls.every((one) => given.has(one.id))) await answer(model)
    },
    rewrite: (id, text) => {
      change(open().id, (chat) => withChange({ ...chat, updated: date() }, id, { text, tokens: null }))
      keep(open().id)
    },
    show: (id) => {
      change(open().id, (chat) => ({ ...chat, leaf: newestLeaf(chat, id) }))
      keep(open().id)
    },
    configure: (next) => {
      change(open().id, (chat) => ({ ...chat, settings: next }))
      keep(open().id)
    },
    rename: (title) => {
      change(open().id, (chat) => ({ ...chat, title: title.slice(0, 500) }))
      keep(open().id)
    },
    stop: () => runs.stop(open().id),
    open: show,
    startNew,
    dismissError: () => {
      error = null
      tell()
    },
  }
}
