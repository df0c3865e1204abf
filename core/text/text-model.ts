/** Everything about a model that concerns text: tokens, chat format, where answers end. Read from its small files. */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'
import type { Sampling } from '../../protocol/ring.ts'
import type { ModelSource } from '../model/model-source.ts'
import { createChatTemplate, type ChatTemplate, type ChatTurn } from './chat-template.ts'
import type { Detokenizer, DetokenizerOptions } from './detokenizer.ts'
import { defaultSampling, generationSamplingSchema } from './sampling-defaults.ts'
import { createTokenizer, type Tokenizer } from './tokenizer.ts'

export type EncodeChatOptions = {
  /** The last turn is an unfinished answer that the model goes on with. Default false. */
  readonly continueFinal?: boolean
}

export type TextModel = {
  /** @throws {ClusterError} invalid_value when the template refuses the turns, or the model has none */
  readonly encodeChat: (turns: readonly ChatTurn[], options?: EncodeChatOptions) => readonly number[]
  /** A plain text, with what the model wants around it (BOS). */
  readonly encode: (text: string) => readonly number[]
  readonly decode: (ids: readonly number[]) => string
  readonly newDetokenizer: (options?: DetokenizerOptions) => Detokenizer
  /** A sampled id of this list ends an answer. */
  readonly eosIds: readonly number[]
  /** Tokens that prompt and answer may have together. */
  readonly contextLength: number
  /** Rows of the output head; ids from here on do not exist. */
  readonly vocabSize: number
  /** Source of the template, or null where the model has none. */
  readonly chatTemplate: string | null
  /** What applies where a request does not say. */
  readonly defaultSampling: Omit<Sampling, 'seed'>
}

const oneOrMany = z.union([z.number().int(), z.array(z.number().int())]).nullish()
const positive = z.number().int().positive()
const configSchema = z.looseObject({
  vocab_size: positive.optional(),
  max_position_embeddings: positive.optional(),
  eos_token_id: oneOrMany,
  text_config: z.looseObject({ vocab_size: positive.optional(), max_position_embeddings: positive.optional(), eos_token_id: oneOrMany }).optional(),
})
const generationSchema = generationSamplingSchema.extend({ eos_token_id: oneOrMany })
const namedToken = z.union([z.string(), z.looseObject({ content: z.string() }).transform((token) => token.content)]).nullish()
const tokenizerConfigSchema = z.looseObject({
  bos_token: namedToken,
  eos_token: namedToken,
  chat_template: z.union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))]).nullish(),
})

async function readJsonFile<T>(source: ModelSource, file: string, schema: z.ZodType<T>, signal?: AbortSignal): Promise<T | null> {
  const text = await source.readText(file, signal)
  if (text === null) return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ClusterError('bad_checkpoint', `${file} of ${source.label} is not JSON`, { cause })
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new ClusterError('bad_checkpoint', `${file} of ${source.label}: ${z.prettifyError(parsed.error).slice(0, 300)}`)
  return parsed.data
}

function required<T>(value: T | null | undefined, source: ModelSource, what: string): T {
  if (value === null || value === undefined) throw new ClusterError('bad_checkpoint', `${source.label} has no ${what}`)
  return value
}

const listOf = (ids: z.infer<typeof oneOrMany>): readonly number[] => (ids === null || ids === undefined ? [] : Array.isArray(ids) ? ids : [ids])

/** @throws {ClusterError} source_unavailable, bad_checkpoint, unsupported_model */
export async function loadText(source: ModelSource, signal?: AbortSignal): Promise<TextModel> {
  const [file, tokenizerConfig, generation, config, templateFile] = await Promise.all([
    readJsonFile(source, 'tokenizer.json', z.unknown(), signal),
    readJsonFile(source, 'tokenizer_config.json', tokenizerConfigSchema, signal),
    readJsonFile(source, 'generation_config.json', generationSchema, signal),
    readJsonFile(source, 'config.json', configSchema, signal),
    source.readText('chat_template.jinja', signal),
  ])
  const { text_config: inner, ...outer } = required(config, source, 'config.json')
  const tokenizer = createTokenizer(required(file, source, 'tokenizer.json'), tokenizerConfig ?? {})
  const named = templateFile ?? tokenizerConfig?.chat_template
  const templateSource = Array.isArray(named) ? named.find(({ name }) => name === 'default')?.template : named
  const template = templateSource
    ? createChatTemplate(templateSource, { bos_token: tokenizerConfig?.bos_token ?? '', eos_token: tokenizerConfig?.eos_token ?? '' })
    : null
  const eosName = tokenizerConfig?.eos_token ? tokenizer.idOf(tokenizerConfig.eos_token) : undefined
  const eosIds =
    [listOf(generation?.eos_token_id), listOf(outer.eos_token_id), listOf(inner?.eos_token_id)].find((ids) => ids.length > 0) ?? listOf(eosName)
  const contextLength = required(outer.max_position_embeddings ?? inner?.max_position_embeddings, source, 'max_position_embeddings in config.json')
  return {
    ...textFunctions(tokenizer, template, contextLength),
    eosIds,
    contextLength,
    chatTemplate: templateSource ?? null,
    defaultSampling: defaultSampling(generation ?? {}),
    vocabSize: outer.vocab_size ?? inner?.vocab_size ?? tokenizer.vocabSize,
  }
}

/** A text that cannot fit whatever its tokens are is refused before the work of tokenizing it. */
function refuseHopeless(tokenizer: Tokenizer, text: string, contextLength: number): void {
  const fewest = tokenizer.fewestTokens(text)
  if (fewest <= contextLength) return
  throw new ClusterError('context_length_exceeded', `the prompt has at least ${fewest} tokens and the context holds ${contextLength}; shorten it`, {
    detail: { promptTokens: fewest, contextLength },
  })
}

function textFunctions(
  tokenizer: Tokenizer,
  template: ChatTemplate | null,
  contextLength: number,
): Pick<TextModel, 'encodeChat' | 'encode' | 'decode' | 'newDetokenizer'> {
  const encode = (text: string, addSpecial: boolean): readonly number[] => {
    refuseHopeless(tokenizer, text, contextLength)
    return tokenizer.encode(text, { addSpecial })
  }
  return {
    encodeChat: (turns, { continueFinal = false } = {}) => {
      if (!template)
        throw new ClusterError('invalid_value', 'this model has no chat template; use /v1/completions with a plain prompt', {
          detail: { param: 'messages' },
        })
      return encode(template.render(turns, { addGenerationPrompt: !continueFinal, continueFinal }), false)
    },
    encode: (text) => encode(text, true),
    decode: (ids) => tokenizer.decode(ids),
    newDetokenizer: tokenizer.newDetokenizer,
  }
}
