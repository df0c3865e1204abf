/**
 * Checkpoints for text and pictures whose language model is one of ours: it is read alone, as the checkpoint of text that it is inside.
 * Sources: transformers `configuration_gemma3.py`, `configuration_mistral3.py` and what their conversions name tensors.
 */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'
import type { TensorIndex } from './safetensors.ts'

/** `model_type` of the whole, and what the class of its text part takes where a key is absent. */
const WHOLES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  gemma3: {
    model_type: 'gemma3_text',
    vocab_size: 262_208,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 131_072,
    sliding_window: 4096,
    query_pre_attn_scalar: 256,
  },
  mistral3: {},
}
/** Before the names of the text part's tensors, by what they become: the hub has both forms. */
const PREFIXES: readonly (readonly [string, string])[] = [
  ['language_model.', ''],
  ['model.language_model.', 'model.'],
]

const wholeSchema = z.looseObject({
  model_type: z.string(),
  text_config: z.looseObject({}).optional(),
  eos_token_id: z.unknown().optional(),
  tie_word_embeddings: z.unknown().optional(),
})

/** Keys that the whole states for its text part too. */
const SHARED = ['eos_token_id', 'tie_word_embeddings'] as const

/**
 * config.json of the text part where the whole is known to have one of ours, else what was given.
 * @throws {ClusterError} bad_checkpoint where the whole lacks its text part
 */
export function languagePart(configText: string): string {
  let parsed: unknown
  try {
    parsed = JSON.parse(configText)
  } catch {
    // Who parses it next says what is wrong.
    return configText
  }
  const whole = wholeSchema.safeParse(parsed)
  const standard = whole.success ? WHOLES[whole.data.model_type] : undefined
  if (!whole.success || !standard) return configText
  const { text_config: text, ...outer } = whole.data
  if (!text) throw new ClusterError('bad_checkpoint', `config.json is not usable: model type ${outer.model_type} has no text_config`)
  const shared = Object.fromEntries(SHARED.flatMap((key) => (outer[key] === undefined ? [] : [[key, outer[key]]])))
  return JSON.stringify({ ...standard, ...shared, ...text })
}

/** Whether a checkpoint is that of a model without its head, as those of embeddings are kept: its tensors have no `model.` before them. */
export const isHeadless = (tensors: TensorIndex): boolean => tensors.has('embed_tokens.weight')

/** Tensors under the names they have in a checkpoint of text alone. Those of the other parts keep theirs; nothing reads them. */
export function languageTensors(tensors: TensorIndex): TensorIndex {
  if (isHeadless(tensors)) return new Map([...tensors].map(([name, location]) => [`model.${name}`, location]))
  return new Map(
    [...tensors].map(([name, location]) => {
      const [prefix, replacement] = PREFIXES.find(([start]) => name.startsWith(start)) ?? ['', '']
      return [replacement + name.slice(prefix.length), location]
    }),
  )
}
