/** An answer that is being written: how events change it, and its figures. Pure: time comes in as a parameter. */
import type { ChatEvent } from '../engine/page-engine.ts'
import type { AnswerStats, Message, TokenChance, ToolCall } from './chat-record.ts'

export type RunningAnswer = {
  /** The message that it becomes. */
  readonly message: string
  readonly text: string
  readonly reasoning: string
  readonly calls: readonly ToolCall[]
  readonly tokens: readonly TokenChance[]
  readonly startedMs: number
  /** Prompt tokens processed so far, before the first token of the answer. */
  readonly prompt: { readonly processed: number; readonly total: number } | null
  /** Its place in the line, 1 is next; null once it is its turn. */
  readonly queue: { readonly position: number; readonly seconds: number | null } | null
  /** Why nothing comes for the moment, in words; null while all is well. */
  readonly pause: string | null
  readonly firstTokenAtMs: number | null
  readonly completionTokens: number
}

/** @param before text that the answer goes on from */
export const startAnswer = (message: string, nowMs: number, before = ''): RunningAnswer => ({
  message,
  text: before,
  reasoning: '',
  calls: [],
  tokens: [],
  startedMs: nowMs,
  prompt: null,
  queue: null,
  pause: null,
  firstTokenAtMs: null,
  completionTokens: 0,
})

function withArguments(calls: readonly ToolCall[], index: number, text: string): readonly ToolCall[] {
  return calls.map((call, at) => (at === index ? { ...call, arguments: call.arguments + text } : call))
}

/** The running answer after one event that does not end it. */
export function growAnswer(answer: RunningAnswer, event: Exclude<ChatEvent, { type: 'done' }>, nowMs: number): RunningAnswer {
  switch (event.type) {
    case 'progress':
      return { ...answer, queue: null, pause: null, prompt: { processed: event.processed, total: event.total } }
    case 'queue':
      return { ...answer, queue: { position: event.position, seconds: event.seconds } }
    case 'pause':
      return { ...answer, pause: event.reason }
    case 'chances':
      return { ...answer, tokens: [...answer.tokens, ...event.tokens] }
    case 'text':
    case 'reasoning':
    case 'call':
    case 'arguments': {
      const base = { ...answer, queue: null, pause: null, firstTokenAtMs: answer.firstTokenAtMs ?? nowMs, completionTokens: event.completionTokens }
      if (event.type === 'call') return { ...base, calls: [...answer.calls, { id: event.id, name: event.name, arguments: '' }] }
      if (event.type === 'arguments') return { ...base, calls: withArguments(answer.calls, event.index, event.text) }
      return event.type === 'text' ? { ...base, text: answer.text + event.text } : { ...base, reasoning: answer.reasoning + event.text }
    }
  }
}

/** Figures of a running answer now. The rate counts from the first token, so that the wait before it does not spoil it. */
export function liveStats(answer: RunningAnswer, nowMs: number): AnswerStats {
  const first = answer.firstTokenAtMs
  const writing = first === null ? 0 : nowMs - first
  return {
    completionTokens: answer.completionTokens,
    firstTokenMs: first === null ? null : first - answer.startedMs,
    tokensPerSecond: writing > 100 && answer.completionTokens > 1 ? (1000 * (answer.completionTokens - 1)) / writing : null,
    elapsedMs: nowMs - answer.startedMs,
  }
}

type Outcome = Pick<Message, 'text' | 'reasoning' | 'calls' | 'tokens' | 'finish' | 'stats'>
const partsOf = ({ text, reasoning, calls, tokens }: RunningAnswer): Pick<Outcome, 'text' | 'reasoning' | 'calls' | 'tokens'> => ({
  text,
  reasoning,
  calls: [...calls],
  tokens: tokens.length === 0 ? null : [...tokens],
})

/** What of a message is known while it is being written: its ending is not. */
export const unfinished = (answer: RunningAnswer): Outcome => ({ ...partsOf(answer), finish: null, stats: null })

export function finished(answer: RunningAnswer, event: Extract<ChatEvent, { type: 'done' }>, nowMs: number): Outcome {
  const stats = {
    completionTokens: event.completionTokens,
    firstTokenMs: event.firstTokenMs,
    tokensPerSecond: event.tokensPerSecond,
    elapsedMs: nowMs - answer.startedMs,
  }
  return { ...partsOf(answer), finish: event.finish, stats: event.completionTokens > 0 ? stats : null }
}

/** What remains when an answer was cut off: all that came so far. */
export const cutOff = (answer: RunningAnswer, finish: 'cancelled' | 'interrupted', nowMs: number): Outcome => ({
  ...partsOf(answer),
  finish,
  stats: answer.completionTokens > 0 ? liveStats(answer, nowMs) : null,
})

/** Whether nothing has come yet, beside the text that it goes on from. */
export const isEmptyAnswer = (answer: RunningAnswer, before: string): boolean =>
  answer.text === before && answer.reasoning === '' && answer.calls.length === 0
