/** One choice of an answer, put together from its events. */
import { NO_TOKENS, type AnswerEnd, type JobEvent, type TokenCounts, type TokenInfo } from './text-job.ts'

export type CallResult = { readonly id: string; readonly name: string; readonly arguments: string }
export type ChoiceResult = TokenCounts & {
  readonly text: string
  readonly reasoning: string
  readonly calls: readonly CallResult[]
  /** Of every token, where the job asks for them. */
  readonly logprobs: readonly TokenInfo[]
  /** Of the prompt's tokens behind the first, where the job asks for them. */
  readonly echoed: readonly TokenInfo[]
  readonly reason: AnswerEnd
  /** The stop text that ended it. */
  readonly stop: string | null
}

export type ChoiceCollector = { readonly add: (event: JobEvent) => void; readonly result: () => ChoiceResult }

export function createChoiceCollector(): ChoiceCollector {
  let [text, reasoning] = ['', '']
  const calls: { id: string; name: string; arguments: string }[] = []
  const logprobs: TokenInfo[] = []
  const echoed: TokenInfo[] = []
  let end: Pick<ChoiceResult, 'reason' | 'stop' | keyof TokenCounts> = { reason: 'length', stop: null, ...NO_TOKENS }
  return {
    add: (event) => {
      switch (event.type) {
        case 'text':
          text += event.text
          if (event.logprobs) logprobs.push(event.logprobs)
          return
        case 'reasoning':
          reasoning += event.text
          return
        case 'call':
          calls.push({ id: event.id, name: event.name, arguments: '' })
          return
        case 'arguments': {
          const call = calls[event.index]
          if (call) call.arguments += event.text
          return
        }
        case 'finish': {
          const { tokens, reasoningTokens, cached } = event
          end = { reason: event.reason, stop: event.stop, tokens, reasoningTokens, cached }
          return
        }
        case 'progress':
          if (event.echoed) echoed.push(event.echoed)
          return
      }
    },
    result: () => ({ text, reasoning, calls, logprobs, echoed, ...end }),
  }
}
