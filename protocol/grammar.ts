import { z } from 'zod'

/** Characters that a grammar may have: some hundred properties, and small against a prompt. */
export const MAX_GRAMMAR_CHARS = 256 * 1024

/** What an answer must match. The tail leaves the sampler only tokens that keep to it. */
export const grammarSchema = z.object({
  /** EBNF in the notation of xgrammar; the rule `root` is the constrained part, to the answer's end. */
  ebnf: z.string().min(1).max(MAX_GRAMMAR_CHARS),
  /** The text after which the constrained part begins; before it the answer is free. Null: all of the answer is constrained. */
  trigger: z.string().min(1).max(200).nullable(),
  /** Whether the answer may end without ever coming to the trigger. */
  optional: z.boolean(),
  /** Special tokens that count as text here, where they open a tool call or end the reasoning. No other special token but an end occurs. */
  markers: z.array(z.string().min(1).max(100)).max(16),
})
export type Grammar = z.infer<typeof grammarSchema>
