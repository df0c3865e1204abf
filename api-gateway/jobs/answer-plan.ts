/** What an answer must be like, from what a request of any dialect asks: JSON, calls of tools, reasoning told apart. */
import { REASONING, type AnswerShape } from '../../core/constrain/answer-reader.ts'
import { reasoningAfter } from '../../core/text/reasoning-start.ts'
import { toolFormatOf } from '../../core/constrain/tool-format.ts'
import { answerGrammar, type JsonRule, type Tool } from '../../core/constrain/tool-grammar.ts'
import type { TemplateVariables } from '../../core/text/chat-template.ts'
import type { EncodeChatOptions, TextModel } from '../../core/text/text-model.ts'
import { renderTools, type OfferedTool, type ToolTurn } from '../../core/text/tool-turns.ts'
import type { Grammar } from '../../protocol/grammar.ts'
import type { ModelEntry } from '../model-catalog.ts'
import type { PromptEncoder } from '../prompt-encoder.ts'

export type ToolChoice =
  { readonly type: 'none' } | { readonly type: 'auto' } | { readonly type: 'required' } | { readonly type: 'named'; readonly name: string }

export type AnswerWish = {
  readonly tools: readonly (Tool & OfferedTool)[]
  readonly choice: ToolChoice
  /** Whether an answer may call more than once. */
  readonly parallel: boolean
  /** The JSON that the answer must be; null = any text. */
  readonly json: JsonRule | null
}

export type AnswerPlan = { readonly grammar: Grammar | null; readonly shape: AnswerShape }
export const PLAIN_ANSWER: AnswerPlan = { grammar: null, shape: { reasoning: 'none', calls: null } }

const offered = ({ tools, choice }: AnswerWish): AnswerWish['tools'] =>
  choice.type === 'none' ? [] : choice.type === 'named' ? tools.filter(({ name }) => name === choice.name) : tools

export type PlannedPrompt = AnswerPlan & { readonly promptIds: readonly number[] }

/**
 * Token ids of a conversation, and what its answer must be like.
 * @throws {ClusterError} invalid_value, unsupported_field, context_length_exceeded
 */
export async function planChat(
  encoder: PromptEncoder,
  { entry, text }: { readonly entry: ModelEntry; readonly text: TextModel },
  turns: readonly ToolTurn[],
  wish: AnswerWish,
  options: EncodeChatOptions = {},
): Promise<PlannedPrompt> {
  const tools = offered(wish)
  const rendered = renderTools(turns, tools, text.chatTemplate)
  const variables: TemplateVariables = { ...options.variables, ...(rendered.tools ? { tools: rendered.tools } : {}) }
  const promptIds = await encoder.chat(entry, text, rendered.turns, { ...options, variables })
  const reasoning = options.continueFinal ? 'none' : reasoningAfter(text, promptIds)
  const format = toolFormatOf(text.chatTemplate)
  const after = reasoning === 'none' ? null : REASONING.close
  const mode = wish.choice.type === 'auto' ? 'auto' : 'required'
  const calls = tools.length === 0 ? null : ({ tools, format, mode, parallel: wish.parallel && wish.choice.type !== 'named' } as const)
  return {
    promptIds,
    grammar: answerGrammar({ calls, json: wish.json, after }),
    shape: { reasoning, calls: calls && { format, names: tools.map(({ name }) => name) } },
  }
}
