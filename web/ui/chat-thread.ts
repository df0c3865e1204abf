/** A conversation as data, and how events of a running answer change it. Pure: time comes in as a parameter. */
import { z } from 'zod'
import type { WireError } from '../../protocol/errors.ts'
import type { ChatEvent, ChatMessage } from '../engine/page-engine.ts'

const finishSchema = z.enum(['stop', 'length', 'cancelled', 'interrupted'])
const statsSchema = z.object({
  completionTokens: z.number().int().min(0),
  /** Milliseconds from question to first token. */
  firstTokenMs: z.number().min(0).nullable(),
  tokensPerSecond: z.number().min(0).nullable(),
  elapsedMs: z.number().min(0),
})
const turnSchema = z.object({
  role: z.enum(['user', 'assistant']),
  text: z.string(),
  finish: finishSchema.nullable(),
  stats: statsSchema.nullable(),
})
/** What is kept over a reload. */
export const savedThreadSchema = z.array(turnSchema).max(10_000)

/** A finished turn. `finish` and `stats` are null for questions. `interrupted`: an error ended the answer in the middle. */
export type Turn = z.infer<typeof turnSchema>
export type AnswerStats = z.infer<typeof statsSchema>

/** The answer that is being written. */
export type RunningAnswer = {
  readonly text: string
  readonly startedMs: number
  /** Prompt tokens processed so far, before the first token of the answer. */
  readonly prompt: { readonly processed: number; readonly total: number } | null
  readonly firstTokenAtMs: number | null
  readonly completionTokens: number
}

export const startAnswer = (nowMs: number): RunningAnswer => ({ text: '', startedMs: nowMs, prompt: null, firstTokenAtMs: null, completionTokens: 0 })

/** The running answer after one event that does not end it. */
export function growAnswer(answer: RunningAnswer, event: Exclude<ChatEvent, { type: 'done' }>, nowMs: number): RunningAnswer {
  if (event.type === 'progress') return { ...answer, prompt: { processed: event.processed, total: event.total } }
  return { ...answer, text: answer.text + event.text, firstTokenAtMs: answer.firstTokenAtMs ?? nowMs, completionTokens: event.completionTokens }
}

/** Figures of a running answer now. The rate counts from the first token, so that the wait before it does not spoil it. */
export function liveStats(answer: RunningAnswer, nowMs: number): AnswerStats {
  const first = answer.firstTokenAtMs
  const writing = first === null ? 0 : nowMs - first
  return {
    completionTokens: answer.completionTokens,
    firstTokenMs: first === null ? null : first - answer.startedMs,
    tokensPerSecond: writing > 200 && answer.completionTokens > 1 ? (1000 * (answer.completionTokens - 1)) / writing : null,
    elapsedMs: nowMs - answer.startedMs,
  }
}

export function finishedTurn(answer: RunningAnswer, event: Extract<ChatEvent, { type: 'done' }>, nowMs: number): Turn {
  const stats = {
    completionTokens: event.completionTokens,
    firstTokenMs: event.firstTokenMs,
    tokensPerSecond: event.tokensPerSecond,
    elapsedMs: nowMs - answer.startedMs,
  }
  return { role: 'assistant', text: answer.text, finish: event.finish, stats: event.completionTokens > 0 ? stats : null }
}

/** What remains when an answer was cut off: its text so far. */
export const brokenTurn = (answer: RunningAnswer, finish: 'cancelled' | 'interrupted', nowMs: number): Turn => ({
  role: 'assistant',
  text: answer.text,
  finish,
  stats: answer.completionTokens > 0 ? liveStats(answer, nowMs) : null,
})

/** What the model is asked with: answers without text would only confuse it. */
export const messagesOf = (turns: readonly Turn[]): readonly ChatMessage[] =>
  turns.filter((turn) => turn.text !== '').map(({ role, text }) => ({ role, content: text }))

export type ChatState = {
  readonly turns: readonly Turn[]
  readonly running: RunningAnswer | null
  /** Why the last question got no whole answer. */
  readonly error: WireError | null
  /** What stands in the input. */
  readonly draft: string
}
export const EMPTY_CHAT: ChatState = { turns: [], running: null, error: null, draft: '' }

/**
 * The state after an error. With text already there the text stays, marked as interrupted. Without, the question returns
 * to the input, so that nothing typed is lost; unless something new was typed meanwhile, then it stays in the thread.
 */
export function afterFailure(state: ChatState, error: WireError, nowMs: number): ChatState {
  const { running, turns } = state
  const question = turns.at(-1)
  if (running && running.text !== '') return { ...state, running: null, error, turns: [...turns, brokenTurn(running, 'interrupted', nowMs)] }
  if (question?.role === 'user' && state.draft.trim() === '')
    return { ...state, running: null, error, turns: turns.slice(0, -1), draft: question.text }
  return { ...state, running: null, error }
}
