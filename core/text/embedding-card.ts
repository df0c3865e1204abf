/** What a checkpoint says of itself as a model of embeddings: in the files that sentence-transformers writes beside it, or in a GGUF file's metadata. */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'
import type { Pooling } from '../../protocol/ring.ts'
import { readGguf } from '../model/gguf.ts'
import type { ModelSource } from '../model/model-source.ts'

export type EmbeddingCard = {
  readonly pooling: Pooling
  /** Vectors are brought to a length of 1. */
  readonly normalizes: boolean
  /** Whether vectors may be cut and still mean the same (Matryoshka): to any length, or to those of a list. */
  readonly cuts: boolean | readonly number[]
  /** Put before texts. */
  readonly prompt: string
}

const modulesSchema = z.array(z.looseObject({ type: z.string(), path: z.string().regex(/^(?:[\w-][\w.-]*)?$/) })).max(16)
const poolingSchema = z.looseObject({ pooling_mode: z.string().nullish(), include_prompt: z.boolean().nullish() })
const configSchema = z.looseObject({ is_matryoshka: z.boolean().nullish(), matryoshka_dimensions: z.array(z.number().int().positive()).nullish() })
const promptsSchema = z.looseObject({
  prompts: z.record(z.string(), z.string().nullable()).nullish(),
  default_prompt_name: z.string().nullish(),
})

const POOLINGS: Readonly<Record<string, Pooling>> = { lasttoken: 'last', mean: 'mean' }
/** Keys of before there was `pooling_mode`. */
const OLDER_KEYS: Readonly<Record<string, string>> = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_sqrt_len_tokens: 'mean_sqrt_len_tokens',
  pooling_mode_weightedmean_tokens: 'weightedmean',
  pooling_mode_lasttoken: 'lasttoken',
}
/** Authors tell it in prose only. */
const MATRYOSHKA = /matryoshka|\bMRL\b/i

async function readJson<T>(source: ModelSource, file: string, schema: z.ZodType<T>, signal?: AbortSignal): Promise<T | null> {
  const text = await source.readText(file, signal)
  if (text === null) return null
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new ClusterError('bad_checkpoint', `${file} of ${source.label} is not what sentence-transformers writes`, { cause })
  }
}

const unsupported = (source: ModelSource, what: string): ClusterError =>
  new ClusterError('unsupported_field', `embeddings of ${source.label} need ${what}, which is not supported; the last token and the mean are`, {
    detail: { param: 'model' },
  })

async function poolingOf(source: ModelSource, file: string, hasPrompt: boolean, signal?: AbortSignal): Promise<Pooling> {
  const config = await readJson(source, file, poolingSchema, signal)
  if (!config) throw new ClusterError('bad_checkpoint', `${source.label} has no ${file}`)
  const older = Object.entries(OLDER_KEYS).filter(([key]) => config[key] === true)
  const modes = config.pooling_mode ? [config.pooling_mode] : older.map(([, mode]) => mode)
  const [mode = 'mean'] = modes
  const pooling = Object.hasOwn(POOLINGS, mode) ? POOLINGS[mode] : undefined
  if (!pooling || modes.length > 1) throw unsupported(source, `pooling by ${modes.join(' and ')}`)
  if (pooling === 'mean' && hasPrompt && config.include_prompt === false) throw unsupported(source, 'a mean without the prompt')
  return pooling
}

/** llama.cpp's `enum llama_pooling_type`; 0 is none. */
const GGUF_POOLINGS: readonly string[] = ['none', 'mean', 'cls', 'lasttoken', 'rank']

/** llama.cpp's server brings vectors to a length of 1 unless told otherwise, and puts nothing before texts: a GGUF file does not say. */
async function ggufCard(source: ModelSource, file: string, signal?: AbortSignal): Promise<EmbeddingCard | null> {
  const { metadata } = await readGguf(source, file, signal)
  const type = metadata.get(`${String(metadata.get('general.architecture') ?? '')}.pooling_type`) ?? 0
  const mode = (typeof type === 'number' ? GGUF_POOLINGS[type] : undefined) ?? `type ${String(type)}`
  if (mode === 'none') return null
  const pooling = Object.hasOwn(POOLINGS, mode) ? POOLINGS[mode] : undefined
  if (!pooling) throw unsupported(source, `pooling by ${mode}`)
  const readme = await source.readText('README.md', signal)
  return { pooling, normalizes: true, cuts: MATRYOSHKA.test(readme ?? ''), prompt: '' }
}

/**
 * Null for a model that says nothing of embeddings.
 * @throws {ClusterError} source_unavailable, bad_checkpoint; unsupported_field for modules and poolings that are not here
 */
export async function readEmbeddingCard(source: ModelSource, signal?: AbortSignal): Promise<EmbeddingCard | null> {
  if (source.gguf !== undefined) return ggufCard(source, source.gguf, signal)
  const modules = await readJson(source, 'modules.json', modulesSchema, signal)
  if (!modules) return null
  const [named, config, readme] = await Promise.all([
    readJson(source, 'config_sentence_transformers.json', promptsSchema, signal),
    readJson(source, 'config.json', configSchema, signal),
    source.readText('README.md', signal),
  ])
  const prompt = named?.default_prompt_name ? (named.prompts?.[named.default_prompt_name] ?? '') : ''
  let pooling: Pooling | null = null
  let normalizes = false
  for (const { type, path } of modules) {
    const kind = type.split('.').at(-1) ?? type
    if (kind === 'Pooling') pooling = await poolingOf(source, `${path === '' ? '' : `${path}/`}config.json`, prompt !== '', signal)
    else if (kind === 'Normalize') normalizes = true
    else if (kind !== 'Transformer') throw unsupported(source, `the module ${kind}`)
  }
  if (pooling === null) throw unsupported(source, 'no pooling')
  const cuts = config?.matryoshka_dimensions ?? config?.is_matryoshka ?? MATRYOSHKA.test(readme ?? '')
  return { pooling, normalizes, cuts, prompt }
}
