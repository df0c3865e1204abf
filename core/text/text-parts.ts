import type { Sampling } from '../../protocol/ring.ts'

/** What a checkpoint says about text, whatever its files are. */
export type TextParts = {
  /** Content of a tokenizer.json. */
  readonly tokenizerFile: unknown
  /** Content of a tokenizer_config.json. */
  readonly tokenizerConfig: object
  /** Sources by name; the one that applies is `default`, with tools `tool_use` where there is one. */
  readonly templates: ReadonlyMap<string, string>
  /** Texts of special tokens by the names that templates read: `bos_token`, `eos_token`. */
  readonly specialTokens: Readonly<Record<string, string>>
  /** Empty where only `eos_token` tells. */
  readonly eosIds: readonly number[]
  readonly contextLength: number
  /** Null where only the tokenizer tells. */
  readonly vocabSize: number | null
  readonly defaultSampling: Omit<Sampling, 'seed'>
}
