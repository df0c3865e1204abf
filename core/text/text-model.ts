/** Everything about a model that concerns text: tokens, chat format, where answers end. */
import { ClusterError } from '../../protocol/errors.ts'
import type { Sampling } from '../../protocol/ring.ts'
import type { ModelSource } from '../model/model-source.ts'
import { createChatTemplate, type ChatTemplate, type ChatTurn, type TemplateVariables } from './chat-template.ts'
import type { Detokenizer, DetokenizerOptions } from './detokenizer.ts'
import { readGgufText } from './gguf-text.ts'
import { readHubText } from './hub-text.ts'
import type { TextParts } from './text-parts.ts'
import { createTokenizer, type Tokenizer } from './tokenizer.ts'

export type EncodeChatOptions = {
  /** The last turn is an unfinished answer that the model goes on with. Default false. */
  readonly continueFinal?: boolean
  /** What the template reads beside the turns: `tools`, and switches such as `enable_thinking`. */
  readonly variables?: TemplateVariables
}

export type TextModel = {
  /** @throws {ClusterError} invalid_value when the template refuses the turns, or the model has none */
  readonly encodeChat: (turns: readonly ChatTurn[], options?: EncodeChatOptions) => readonly number[]
  /** Whether the chat template does anything with a variable, such as `enable_thinking`. */
  readonly readsVariable: (name: string) => boolean
  /** The text of the prompt that `encodeChat` makes token ids of. @throws {ClusterError} as that does */
  readonly renderChat: (turns: readonly ChatTurn[], options?: EncodeChatOptions) => string
  /** A plain text, with what the model wants around it (BOS) unless `addSpecial` is false. */
  readonly encode: (text: string, addSpecial?: boolean) => readonly number[]
  readonly decode: (ids: readonly number[]) => string
  readonly bytesOfToken: (id: number) => Uint8Array
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

/**
 * Of a GGUF file, its header is read; else the small files beside the weights.
 * @param now what a template takes for now
 * @throws {ClusterError} source_unavailable, bad_checkpoint, unsupported_model
 */
export async function loadText(source: ModelSource, signal?: AbortSignal, now?: () => Date): Promise<TextModel> {
  const parts = await (source.gguf === undefined ? readHubText(source, signal) : readGgufText(source, source.gguf, signal))
  const tokenizer = createTokenizer(parts.tokenizerFile, parts.tokenizerConfig)
  const { contextLength, specialTokens } = parts
  const endId = specialTokens['eos_token'] === undefined ? undefined : tokenizer.idOf(specialTokens['eos_token'])
  return {
    ...textFunctions(tokenizer, templatesOf(parts, now), contextLength),
    eosIds: parts.eosIds.length > 0 || endId === undefined ? parts.eosIds : [endId],
    contextLength,
    chatTemplate: parts.templates.get('default') || null,
    defaultSampling: parts.defaultSampling,
    vocabSize: parts.vocabSize ?? tokenizer.vocabSize,
  }
}

type Templates = { readonly plain: ChatTemplate | null; readonly withTools: ChatTemplate | null }

function templatesOf({ templates, specialTokens }: TextParts, now?: () => Date): Templates {
  // Templates add BOS to texts without asking whether there is one.
  const tokens = { bos_token: '', eos_token: '', ...specialTokens }
  const named = (name: string): ChatTemplate | null => {
    const source = templates.get(name)
    return source === undefined || source === '' ? null : createChatTemplate(source, tokens, now)
  }
  const plain = named('default')
  return { plain, withTools: named('tool_use') ?? plain }
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
  templates: Templates,
  contextLength: number,
): Pick<TextModel, 'encodeChat' | 'renderChat' | 'readsVariable' | 'encode' | 'decode' | 'bytesOfToken' | 'newDetokenizer'> {
  const encode = (text: string, addSpecial: boolean): readonly number[] => {
    refuseHopeless(tokenizer, text, contextLength)
    return tokenizer.encode(text, { addSpecial })
  }
  const renderChat: TextModel['renderChat'] = (turns, { continueFinal = false, variables = {} } = {}) => {
    const hasTools = variables['tools'] !== undefined && variables['tools'] !== null
    const template = hasTools ? templates.withTools : templates.plain
    if (!template)
      throw new ClusterError('invalid_value', 'this model has no chat template; use /v1/completions with a plain prompt', {
        detail: { param: 'messages' },
      })
    return template.render(turns, { addGenerationPrompt: !continueFinal, continueFinal, variables })
  }
  return {
    encodeChat: (turns, options) => encode(renderChat(turns, options), false),
    renderChat,
    readsVariable: (name) => [templates.plain, templates.withTools].some((template) => template?.reads(name) ?? false),
    encode: (text, addSpecial = true) => encode(text, addSpecial),
    decode: (ids) => tokenizer.decode(ids),
    bytesOfToken: tokenizer.bytesOf,
    newDetokenizer: tokenizer.newDetokenizer,
  }
}
