/** Whether an answer begins with reasoning: what its prompt ends with tells. */
import { REASONING, type AnswerShape } from '../constrain/answer-reader.ts'
import type { TextModel } from './text-model.ts'

/** Tokens at the end of a prompt that tell whether it has begun the reasoning. */
const END_OF_PROMPT = 8

/** For `AnswerShape`. */
export function reasoningAfter(text: TextModel, promptIds: readonly number[]): AnswerShape['reasoning'] {
  if (!text.chatTemplate?.includes(REASONING.open)) return 'none'
  const end = text.decode(promptIds.slice(-END_OF_PROMPT)).trimEnd()
  if (end.endsWith(REASONING.open)) return 'open'
  return end.endsWith(REASONING.close) ? 'none' : 'possible'
}
