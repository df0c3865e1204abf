/** What every dialect is translated into: prompts of token ids, how to sample, when to stop. */
import type { TextModel } from '../../core/text/text-model.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { FinishReason, Sampling } from '../../protocol/ring.ts'
import type { AnswerPlan } from './answer-plan.ts'

export type TextJob = AnswerPlan & {
  readonly model: ModelId
  readonly text: TextModel
  /** Token ids of each prompt. Choices are numbered prompt by prompt: `choice = prompt * choicesPerPrompt + k`. */
  readonly prompts: readonly (readonly number[])[]
  readonly choicesPerPrompt: number
  readonly sampling: Sampling
  /** Texts that end an answer and are not part of it. */
  readonly stops: readonly string[]
  /** Tokens an answer may have; null = what the context leaves. */
  readonly maxTokens: number | null
  /** The answer goes on after the prompt's text, so a first space belongs to it. */
  readonly continuesText: boolean
  /** Likeliest tokens told with each token and its log probability; null = none of it. */
  readonly topLogprobs: number | null
  /** Also tells how likely the tokens of the prompt are: it is computed token by token then. Default false. */
  readonly echoesLogprobs?: boolean
}

/** A token, how likely it was, and the likeliest in its place. */
export type TokenInfo = NamedToken & { readonly top: readonly NamedToken[] }
type NamedToken = { readonly id: number; readonly token: string; readonly bytes: readonly number[]; readonly logprob: number }
/** `tool_calls`: it stopped by itself, and has calls. */
export type AnswerEnd = FinishReason | 'tool_calls'

export type JobEvent =
  /** `echoed`: the last of the processed tokens of the prompt, where the job asks how likely these were. */
  | { readonly type: 'progress'; readonly choice: number; readonly processed: number; readonly total: number; readonly echoed?: TokenInfo }
  /** One for each token, with empty text, and one for each text that is shown. */
  | ({ readonly type: 'text'; readonly choice: number; readonly text: string; readonly logprobs: TokenInfo | null } & TokenCounts)
  | ({ readonly type: 'reasoning'; readonly choice: number; readonly text: string } & TokenCounts)
  /** A call begins; `index` counts the calls of the choice. */
  | ({ readonly type: 'call'; readonly choice: number; readonly index: number; readonly id: string; readonly name: string } & TokenCounts)
  | ({ readonly type: 'arguments'; readonly choice: number; readonly index: number; readonly text: string } & TokenCounts)
  /** `stop`: the stop text that ended it, which is no part of the answer. */
  | ({ readonly type: 'finish'; readonly choice: number; readonly reason: AnswerEnd; readonly stop: string | null } & TokenCounts)

/** Of one choice so far. */
export type TokenCounts = {
  readonly tokens: number
  /** Of `tokens`, those of the reasoning, its marks among them. */
  readonly reasoningTokens: number
  /** Tokens of its prompt that the ring had computed for an earlier answer. */
  readonly cached: number
}

export type Usage = {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details: { readonly cached_tokens: number }
  readonly completion_tokens_details: { readonly reasoning_tokens: number }
}

export const NO_TOKENS: TokenCounts = { tokens: 0, reasoningTokens: 0, cached: 0 }

export const choiceCount = (job: TextJob): number => job.prompts.length * job.choicesPerPrompt

/** Prompts count once, however many choices each has. */
export const promptTokensOf = ({ prompts }: TextJob): number => prompts.reduce((total, ids) => total + ids.length, 0)

/** A prompt is cached as far as its first choice found it; the others come at once and find the same or less. */
const cachedTokensOf = ({ choicesPerPrompt }: TextJob, counts: readonly (TokenCounts | undefined)[]): number =>
  counts.reduce((total, count, choice) => total + (choice % choicesPerPrompt === 0 ? (count?.cached ?? 0) : 0), 0)

/** @param counts by choice */
export function usageOf(job: TextJob, counts: readonly (TokenCounts | undefined)[]): Usage {
  const promptTokens = promptTokensOf(job)
  const completionTokens = counts.reduce((total, count) => total + (count?.tokens ?? 0), 0)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokensOf(job, counts) },
    completion_tokens_details: { reasoning_tokens: counts.reduce((total, count) => total + (count?.reasoningTokens ?? 0), 0) },
  }
}
