/** The conversation of this page: asks the engine, keeps the thread. It outlives the chat's element, so an answer goes on while its owner looks at another page. */
import { toClusterError, toWireError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { PageEngine } from '../engine/page-engine.ts'
import {
  EMPTY_CHAT,
  afterFailure,
  brokenTurn,
  finishedTurn,
  growAnswer,
  messagesOf,
  savedThreadSchema,
  startAnswer,
  type ChatState,
  type Turn,
} from './chat-thread.ts'

const STORAGE_KEY = 'ringlet.chat'

/** The part of `Storage` that a session uses. */
export type TextStore = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

export type ChatSession = {
  readonly state: () => ChatState
  /** Called after each change. Returns the way to unsubscribe. */
  readonly onChange: (listener: () => void) => () => void
  readonly edit: (draft: string) => void
  /** Asks with the draft. `model` null means that nothing is served: the question stays in the input, with the reason. */
  readonly send: (model: ModelId | null, temperature: number) => Promise<void>
  /** Another answer to the last question; also after an error. */
  readonly regenerate: (model: ModelId | null, temperature: number) => Promise<void>
  /** Keeps the text so far. */
  readonly stop: () => void
  readonly clear: () => void
}

/** A kept thread; one that cannot be read is as good as none. */
function loadTurns(store: TextStore): readonly Turn[] {
  try {
    const parsed = savedThreadSchema.safeParse(JSON.parse(store.getItem(STORAGE_KEY) ?? '[]'))
    return parsed.success ? parsed.data : []
  } catch {
    // Storage may be forbidden, or hold something else: the chat works without it.
    return []
  }
}

function saveTurns(store: TextStore, turns: readonly Turn[]): void {
  try {
    if (turns.length === 0) store.removeItem(STORAGE_KEY)
    else store.setItem(STORAGE_KEY, JSON.stringify(turns))
  } catch {
    // Storage is full or forbidden: the conversation lives as long as the page.
  }
}

export function createChatSession(engine: PageEngine, store: TextStore, now: () => number): ChatSession {
  const listeners = new Set<() => void>()
  let state: ChatState = { ...EMPTY_CHAT, turns: loadTurns(store) }
  let abort: AbortController | null = null

  const become = (next: Partial<ChatState>): void => {
    const before = state.turns
    state = { ...state, ...next }
    if (state.turns !== before) saveTurns(store, state.turns)
    for (const listener of listeners) listener()
  }

  const answer = async (model: ModelId, temperature: number): Promise<void> => {
    const controller = new AbortController()
    abort = controller
    const isMine = (): boolean => abort === controller
    become({ running: startAnswer(now()), error: null })
    try {
      for await (const event of engine.ask({ model, messages: messagesOf(state.turns), temperature, maxTokens: null, signal: controller.signal })) {
        if (!isMine() || !state.running) return
        if (event.type !== 'done') become({ running: growAnswer(state.running, event, now()) })
        else become({ running: null, turns: [...state.turns, finishedTurn(state.running, event, now())] })
      }
    } catch (thrown) {
      if (isMine()) become(afterFailure(state, toWireError(toClusterError(thrown)), now()))
    }
  }

  const ask = async (model: ModelId | null, temperature: number, turns: readonly Turn[], draft: string): Promise<void> => {
    become({ turns, draft })
    if (model !== null) return answer(model, temperature)
    become(afterFailure(state, { code: 'no_ring', message: 'no model is served here yet' }, now()))
  }

  return {
    state: () => state,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    edit: (draft) => become({ draft }),
    send: async (model, temperature) => {
      const text = state.draft.trim()
      if (text === '' || state.running) return
      await ask(model, temperature, [...state.turns, { role: 'user', text, finish: null, stats: null }], '')
    },
    regenerate: async (model, temperature) => {
      const question = state.turns.findLastIndex((turn) => turn.role === 'user')
      if (question < 0 || state.running) return
      await ask(model, temperature, state.turns.slice(0, question + 1), state.draft)
    },
    stop: () => {
      if (!state.running) return
      abort?.abort()
      abort = null
      become({ running: null, turns: [...state.turns, brokenTurn(state.running, 'cancelled', now())] })
    },
    clear: () => {
      abort?.abort()
      abort = null
      become({ ...EMPTY_CHAT, draft: state.draft })
    },
  }
}
