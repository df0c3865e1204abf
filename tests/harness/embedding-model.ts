/** Ember's files with those of a model of embeddings beside them, as sentence-transformers writes these. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const EMBER = path.join(import.meta.dirname, '../../models/ember')

export type EmbeddingFiles = {
  /** Of 1_Pooling/config.json. */
  readonly pooling: object
  readonly normalizes: boolean
  /** Added to config.json. */
  readonly config?: object
  /** Of config_sentence_transformers.json. */
  readonly prompts?: object
  /** A module beside the known ones. */
  readonly module?: string
}

/** @param weights whether the model can be run, and not only described */
export function writeEmbeddingModel(folder: string, { pooling, normalizes, config = {}, prompts, module }: EmbeddingFiles, weights = true): void {
  mkdirSync(path.join(folder, '1_Pooling'), { recursive: true })
  const files = ['generation_config.json', 'special_tokens_map.json', 'tokenizer.json', 'tokenizer_config.json']
  for (const file of weights ? [...files, 'model.safetensors'] : files) cpSync(path.join(EMBER, file), path.join(folder, file))
  const write = (file: string, value: object): void => writeFileSync(path.join(folder, file), JSON.stringify(value))
  const kinds = ['Transformer', 'Pooling', ...(module === undefined ? [] : [module]), ...(normalizes ? ['Normalize'] : [])]
  write('config.json', { ...JSON.parse(readFileSync(path.join(EMBER, 'config.json'), 'utf8')), ...config })
  write(
    'modules.json',
    kinds.map((kind, idx) => ({ idx, name: `${idx}`, path: idx === 0 ? '' : `${idx}_${kind}`, type: `sentence_transformers.models.${kind}` })),
  )
  write('1_Pooling/config.json', pooling)
  if (prompts) write('config_sentence_transformers.json', prompts)
}
