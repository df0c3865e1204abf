/** From the tokens of one choice to what a dialect shows: characters whole, cut at stop texts, reasoning and calls told apart. */
import { randomBytes } from 'node:crypto'
import type { CompletionEvent } from '../../core/client/ring-client.ts'
import { createAnswerReader, REASONING, type AnswerPart, type AnswerPhase } from '../../core/constrain/answer-reader.ts'
import { createStopScanner } from '../../core/text/stop-strings.ts'
import type { TokenLogprobs } from '../../protocol/ring.ts'
import type { JobEvent, TextJob, TokenInfo } from './text-job.ts'

type TokenEvent = Extract<CompletionEvent, { type: 'token' }>
export type ChoiceReader = {
  /** What a token adds; the last of its events is `finish` when the answer is over. */
  readonly push: (event: TokenEvent) => readonly JobEvent[]
}

/** Nine letters and digits: what Mistral's templates take, and OpenAI's clients as well. */
const newCallId = (): string =>
  randomBytes(16)
    .toString('base64')
    .replaceAll(/[^\dA-Za-z]/g, '')
    .padEnd(9, '0')
    .slice(0, 9)

export function tokenInfo({ text }: TextJob, id: number, { logprob, top }: TokenLogprobs): TokenInfo {
  const named = (token: number, probability: number): TokenInfo['top'][number] => {
    const bytes = text.bytesOfToken(token)
    return { id: token, token: new TextDecoder().decode(bytes), bytes: [...bytes], logprob: probability }
  }
  return { ...named(id, logprob), top: top.map(([token, probability]) => named(token, probability)) }
}

export function createChoiceReader(job: TextJob, choice: number): ChoiceReader {
  const { shape, text: model } = job
  const keeps = [...(shape.calls?.format.markers ?? []), ...(shape.reasoning === 'none' ? [] : Object.values(REASONING))]
  const detokenizer = model.newDetokenizer({ continues: job.continuesText, keeps })
  const scanner = createStopScanner(job.stops)
  const reader = createAnswerReader(shape)
  let [tokens, cached, calls] = [0, 0, 0]
  let reasoningTokens = 0
  /** Tokens of which the next ones tell whether they open the reasoning. */
  let undecided = 0

  function eventOf(part: AnswerPart): JobEvent {
    const counts = { choice, tokens, reasoningTokens, cached }
    if (part.type === 'call') return { type: 'call', index: calls++, id: newCallId(), name: part.name, ...counts }
    if (part.type === 'arguments') return { type: 'arguments', index: calls - 1, text: part.text, ...counts }
    return part.type === 'text' ? { type: 'text', text: part.text, logprobs: null, ...counts } : { type: 'reasoning', text: part.text, ...counts }
  }

  /** @param before the phase before the token */
  function countReasoning(before: AnswerPhase): void {
    const after = reader.phase()
    undecided = before === 'undecided' ? undecided + 1 : 0
    if (before === 'reasoning') reasoningTokens++
    else if (after === 'reasoning') reasoningTokens += undecided
  }

  return {
    push: (event) => {
      tokens++
      if (event.index === 0) cached = event.cached
      // The token that ends an answer is a mark, not a text, even where its tokenizer does not call it special.
      const isMark = event.finish === 'stop' && model.eosIds.includes(event.tokenId)
      const piece = isMark ? '' : detokenizer.push(event.tokenId)
      const { text, hit } = scanner.push(event.finish === null ? piece : piece + detokenizer.end())
      const isOver = hit !== null || event.finish !== null
      const phase = reader.phase()
      const parts = reader.push(text + (isOver ? scanner.end() : '')).concat(isOver ? reader.end() : [])
      countReasoning(phase)
      const logprobs = event.logprobs && !isMark ? tokenInfo(job, event.tokenId, event.logprobs) : null
      // Every token is an event, whatever it shows.
      const events: JobEvent[] = [{ type: 'text', choice, text: '', logprobs, tokens, reasoningTokens, cached }, ...parts.map(eventOf)]
      if (!isOver) return events
      const ending = hit === null ? (event.finish ?? 'stop') : 'stop'
      const reason = ending === 'stop' && calls > 0 ? 'tool_calls' : ending
      return [...events, { type: 'finish', choice, reason, stop: hit, tokens, reasoningTokens, cached }]
    },
  }
}
