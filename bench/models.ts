/** What benches run: the embedded model, and a random checkpoint of a real shape. */
import { tmpdir } from 'node:os'
import path from 'node:path'
import { GEMMA3_270M, LLAMA_1B_WIDTHS, shapeOfSize, SMOLLM2_135M, writeRandomCheckpoint, type Shape } from './random-checkpoint.ts'

const ROOT = path.join(import.meta.dirname, '..')
/** Kept between runs: writing a checkpoint takes longer than reading it. */
export const BENCH_MODELS_DIR = path.join(tmpdir(), 'ringlet-bench-models')

export type BenchModel = {
  /** Below the server's own models or BENCH_MODELS_DIR. */
  readonly name: string
  readonly title: string
  readonly vocabSize: number
  /** Tokens of an answer: a second or more on one tab. */
  readonly answerTokens: number
  /** Makes the checkpoint where there is none. */
  readonly prepare: () => Promise<void>
}

const TOKENIZER = path.join(ROOT, 'tests/fixtures/text/tokenizers/smollm2')

/** A random checkpoint of about so many MiB in a folder of its own, written where there is none. */
export async function prepareLoadModel(mebibytes: number): Promise<{ readonly folder: string; readonly vocabSize: number }> {
  const shape = shapeOfSize(mebibytes)
  const folder = path.join(BENCH_MODELS_DIR, `llama-random-${shape.hiddenSize}x${shape.numLayers}`)
  await writeRandomCheckpoint(folder, shape, TOKENIZER)
  return { folder, vocabSize: shape.vocabSize }
}

const random = (name: string, title: string, shape: Shape): BenchModel => ({
  name,
  title,
  vocabSize: shape.vocabSize,
  answerTokens: 48,
  prepare: () => writeRandomCheckpoint(path.join(BENCH_MODELS_DIR, name), shape, TOKENIZER),
})

const SMOLLM2 = random('smollm2-135m-random', 'SmolLM2-135M shape (30 layers of 576, random weights)', SMOLLM2_135M)
/** What one device is measured with by itself. */
export const SINGLE_MODELS: readonly BenchModel[] = [
  SMOLLM2,
  random('gemma3-270m-random', 'Gemma-3-270M shape (18 layers of 640, 262144 tokens, random weights)', GEMMA3_270M),
]
/** Whose kernels are measured without a page around them. */
export const KERNEL_MODELS: readonly BenchModel[] = [
  ...SINGLE_MODELS,
  random('llama-1b-widths-random', 'Llama 1B widths (2 layers of 2048, random weights)', LLAMA_1B_WIDTHS),
]

export const BENCH_MODELS: readonly BenchModel[] = [
  { name: 'ember', title: 'Ember (8 layers of 192)', vocabSize: 4096, answerTokens: 256, prepare: () => Promise.resolve() },
  SMOLLM2,
]
