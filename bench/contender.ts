/** What `single` compares: an engine with one file of weights, in a tab of a browser of its own, so that its memory can be told apart. */
import type { MemoryWatch } from './process-memory.ts'

export type EngineName = 'ringlet' | 'wllama' | 'transformers.js'

/** One prompt in the two forms that engines take. */
export type Prompt = { readonly text: string; readonly ids: readonly number[] }

/** What was answered greedily to one prompt, or to several at once. */
export type Answer = {
  /** A list for each prompt. */
  readonly ids: readonly (readonly number[])[]
  /** Until every prompt has its first token. */
  readonly firstTokenMs: number
  /** Tokens of all prompts a second, after their first. */
  readonly decodePerSecond: number
}

/** Natural logarithms of the probabilities of token ids behind a prompt. */
export type LogProbs = ReadonlyMap<number, number>

export type Contender = {
  readonly engine: EngineName
  /** As the engine names it. */
  readonly format: string
  readonly threads: number
  /** For example `Chromium 156.0.8078.108`. */
  readonly browser: string
  readonly memory: MemoryWatch
  /** Milliseconds from an open page to a model that answers; what was fetched is kept by whatever cache the engine has. */
  readonly load: () => Promise<number>
  /** The page anew, without the model: what is loaded then comes from that cache. */
  readonly restart: () => Promise<void>
  readonly ask: (prompts: readonly Prompt[], tokens: number) => Promise<Answer>
  /** Prompts that can be answered in one pass. */
  readonly mostRows: number
  /** Of some of the most probable tokens behind the prompt, `wanted` among them as far as the engine tells. */
  readonly logProbs: (prompt: Prompt, wanted: readonly number[]) => Promise<LogProbs>
  /** Bytes of weights, where the engine tells them. */
  readonly heldBytes: () => number | null
  readonly close: () => Promise<void>
}

/** `ringlet-int4`, `wllama-Q4_0`, `transformers.js-fp32`. */
export const nameOf = ({ engine, format }: Pick<Contender, 'engine' | 'format'>): string => `${engine}-${format}`
