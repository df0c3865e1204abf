/** Text parts of a checkpoint as the hub lays it out: small JSON files beside the weights. */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'
import { languagePart } from '../model/language-part.ts'
import type { ModelSource } from '../model/model-source.ts'
import { defaultSampling, generationSamplingSchema } from './sampling-defaults.ts'
import type { TextParts } from './text-parts.ts'

const oneOrMany = z.union([z.number().int(), z.array(z.number().int())]).nullish()
const positive = z.number().int().positive()
const configSchema = z.looseObject({ vocab_size: positive.optional(), max_position_embeddings: positive.optional(), eos_token_id: oneOrMany })
const generationSchema = generationSamplingSchema.extend({ eos_token_id: oneOrMany })
const namedToken = z.union([z.string(), z.looseObject({ content: z.string() }).transform((token) => token.content)]).nullish()
const NAMED_TOKENS = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const
const tokenizerConfigSchema = z.looseObject({
  ...Object.fromEntries(NAMED_TOKENS.map((name) => [name, namedToken])),
  chat_template: z.union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))]).nullish(),
})
type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>

async function readJsonFile<T>(source: ModelSource, file: string, schema: z.ZodType<T>, signal?: AbortSignal): Promise<T | null> {
  const text = await source.readText(file, signal)
  return text === null ? null : parseJsonFile(source, file, text, schema)
}

function parseJsonFile<T>(source: ModelSource, file: string, text: string, schema: z.ZodType<T>): T {
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

function templatesOf(file: string | null, config: TokenizerConfig | null): ReadonlyMap<string, string> {
  const given = file ?? config?.chat_template ?? []
  return typeof given === 'string' ? new Map([['default', given]]) : new Map(given.map(({ name, template }) => [name, template]))
}

const specialTokensOf = (config: TokenizerConfig | null): Readonly<Record<string, string>> =>
  Object.fromEntries(NAMED_TOKENS.flatMap((name) => (typeof config?.[name] === 'string' ? [[name, config[name]] as const] : [])))

/** @throws {ClusterError} source_unavailable, bad_checkpoint */
export async function readHubText(source: ModelSource, signal?: AbortSignal): Promise<TextParts> {
  const [file, tokenizerConfig, generation, configText, templateFile] = await Promise.all([
    readJsonFile(source, 'tokenizer.json', z.unknown(), signal),
    readJsonFile(source, 'tokenizer_config.json', tokenizerConfigSchema, signal),
    readJsonFile(source, 'generation_config.json', generationSchema, signal),
    source.readText('config.json', signal),
    source.readText('chat_template.jinja', signal),
  ])
  const config = parseJsonFile(source, 'config.json', languagePart(required(configText, source, 'config.json')), configSchema)
  const endLists = [listOf(generation?.eos_token_id), listOf(config.eos_token_id)]
  return {
    tokenizerFile: required(file, source, 'tokenizer.json'),
    tokenizerConfig: tokenizerConfig ?? {},
    templates: templatesOf(templateFile, tokenizerConfig),
    specialTokens: specialTokensOf(tokenizerConfig),
    eosIds: endLists.find((ids) => ids.length > 0) ?? [],
    contextLength: required(config.max_position_embeddings, source, 'max_position_embeddings in config.json'),
    vocabSize: config.vocab_size ?? null,
    defaultSampling: defaultSampling(generation ?? {}),
  }
}
