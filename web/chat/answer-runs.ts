/** Answers that are being written, at most one a chat: follows their events and says what becomes of the message. */
import { toClusterError, toWireError, type WireError } from '../../protocol/errors.ts'
import type { ChatEvent } from '../engine/page-engine.ts'
import type { Message } from './chat-record.ts'
import { cutOff, finished, growAnswer, isEmptyAnswer, startAnswer, unfinished, type RunningAnswer } from './running-answer.ts'

/** How often a growing answer is kept, in milliseconds: this much is lost at most when the browser dies. */
const KEEP_MS = 1000

export type AnswerRuns = {
  readonly of: (chat: string) => RunningAnswer | null
  /** Chats with one; the same set until that changes. */
  readonly chats: () => ReadonlySet<string>
  /**
   * Takes events until the answer is over. `isResumed`: it was begun by an earlier page, whose text the stream tells again.
   * Resolves when it is over, whatever its end.
   */
  readonly follow: (
    chat: string,
    message: string,
    abort: AbortController,
    events: AsyncIterable<ChatEvent>,
    before?: string,
    isResumed?: boolean,
  ) => Promise<void>
  readonly stop: (chat: string) => void
  /** As `stop`, and nothing becomes of the message: its chat is gone. */
  readonly drop: (chat: string) => void
  /** Ends what has not begun. */
  readonly fail: (chat: string, message: string, error: WireError) => void
}

export type AnswerRunsOptions = {
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly onChange: () => void
  /** What the message is now; also while it grows, now and then. */
  readonly onMessage: (chat: string, message: string, outcome: Partial<Message>, isOver: boolean) => void
  /** `isEmpty`: nothing came of it. */
  readonly onFailure: (chat: string, message: string, error: WireError, isEmpty: boolean) => void
}

type Run = { answer: RunningAnswer; readonly abort: AbortController }

export function runAnswers({ now, onChange, onMessage, onFailure }: AnswerRunsOptions): AnswerRuns {
  const runs = new Map<string, Run>()
  let chats: ReadonlySet<string> = new Set()
  const begin = (chat: string, run: Run): void => {
    runs.set(chat, run)
    chats = new Set(runs.keys())
  }
  const forget = (chat: string): void => {
    runs.delete(chat)
    chats = new Set(runs.keys())
  }

  function end(chat: string, run: Run, finish: 'cancelled' | 'interrupted'): void {
    forget(chat)
    onMessage(chat, run.answer.message, cutOff(run.answer, finish, now()), true)
  }

  async function follow(...[chat, message, abort, events, before = '', isResumed = false]: Parameters<AnswerRuns['follow']>): Promise<void> {
    const run: Run = { answer: startAnswer(message, now(), before), abort }
    begin(chat, run)
    // What an earlier page kept of it is shown until the stream has told it again.
    if (!isResumed) onChange()
    let keptAt = now()
    try {
      for await (const event of events) {
        if (runs.get(chat) !== run) return
        if (event.type === 'done') {
          forget(chat)
          return onMessage(chat, message, finished(run.answer, event, now()), true)
        }
        run.answer = growAnswer(run.answer, event, now())
        if (now() - keptAt > KEEP_MS) {
          keptAt = now()
          onMessage(chat, message, unfinished(run.answer), false)
        } else onChange()
      }
    } catch (thrown) {
      if (runs.get(chat) !== run) return
      const error = toWireError(toClusterError(thrown))
      const isEmpty = isEmptyAnswer(run.answer, before)
      forget(chat)
      // What an earlier page kept of it stays as it is.
      if (isResumed && isEmpty) return onMessage(chat, message, { finish: 'interrupted' }, true)
      if (!isEmpty) onMessage(chat, message, cutOff(run.answer, 'interrupted', now()), false)
      onFailure(chat, message, error, isEmpty)
    }
  }

  return {
    of: (chat) => runs.get(chat)?.answer ?? null,
    chats: () => chats,
    follow,
    stop: (chat) => {
      const run = runs.get(chat)
      if (!run) return
      run.abort.abort()
      end(chat, run, 'cancelled')
    },
    drop: (chat) => {
      runs.get(chat)?.abort.abort()
      forget(chat)
    },
    fail: (chat, message, error) => {
      forget(chat)
      onFailure(chat, message, error, true)
    },
  }
}
