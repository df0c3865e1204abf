import type { ChatTurn } from '../core/text/chat-template.ts'
import type { TextModel } from '../core/text/text-model.ts'
import type { ModelEntry } from './model-catalog.ts'

/** Tokenizes prompts of a model. @throws {ClusterError} context_length_exceeded, invalid_value */
export type PromptEncoder = {
  readonly chat: (entry: ModelEntry, text: TextModel, turns: readonly ChatTurn[], continueFinal: boolean) => Promise<readonly number[]>
  readonly text: (entry: ModelEntry, text: TextModel, prompt: string) => Promise<readonly number[]>
}

/** On the caller's own thread. */
export const directEncoder: PromptEncoder = {
  chat: async (_entry, text, turns, continueFinal) => text.encodeChat(turns, { continueFinal }),
  text: async (_entry, text, prompt) => text.encode(prompt),
}
