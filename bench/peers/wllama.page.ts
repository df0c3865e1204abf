/** wllama (llama.cpp) in a page: loaded from its own cache or the server, asked with a text. */
import type { PageAnswer, PageLoad } from './page-messages.ts'

type Completion = {
  readonly choices: readonly { readonly logprobs?: Logprobs | null }[]
  readonly timings?: { readonly prompt_n: number; readonly prompt_ms: number; readonly predicted_per_second: number }
}
type Entry = { readonly id: number; readonly logprob: number; readonly top_logprobs: readonly { readonly id: number; readonly logprob: number }[] }
type Logprobs = { readonly content: readonly Entry[] }
type Instance = {
  readonly loadModelFromUrl: (url: string, params: Readonly<Record<string, unknown>>) => Promise<void>
  readonly createCompletion: (params: Readonly<Record<string, unknown>>) => Promise<Completion>
  readonly getNumThreads: () => number
}
type Module = { readonly Wllama: new (paths: Readonly<Record<string, string>>, config: Readonly<Record<string, unknown>>) => Instance }

/** So many of the most probable tokens are told beside each. */
const TOLD = 10
let engine: Instance | null = null

export async function load({ engines, model, format, threads, contextTokens }: PageLoad): Promise<void> {
  const root = `${engines}@wllama/wllama/esm/`
  const { Wllama }: Module = await import(/* @vite-ignore */ `${root}index.js`)
  engine = new Wllama({ default: `${root}wasm/wllama.wasm` }, { suppressNativeLog: true })
  await engine.loadModelFromUrl(`${model}.${format}.gguf`, { n_threads: threads, n_ctx: contextTokens, n_gpu_layers: 0, n_parallel: 1 })
  if (engine.getNumThreads() !== threads) throw new Error(`wllama runs on ${engine.getNumThreads()} threads, not on ${threads}`)
}

export async function ask({ texts, ids, tokens }: { texts: readonly string[]; ids: readonly number[][]; tokens: number }): Promise<PageAnswer> {
  const [prompt = ''] = texts
  if (!engine) throw new Error('load comes first')
  const greedy = { temperature: 0, ignore_eos: true, cache_prompt: false, logprobs: TOLD }
  const { choices, timings } = await engine.createCompletion({ prompt, max_tokens: tokens, ...greedy })
  const content = choices[0]?.logprobs?.content ?? []
  if (!timings || timings.prompt_n !== ids[0]?.length) throw new Error(`wllama read ${timings?.prompt_n} tokens of a prompt of ${ids[0]?.length}`)
  if (content.length !== tokens) throw new Error(`wllama gave ${content.length} tokens instead of ${tokens}`)
  return {
    ids: [content.map(({ id }) => id)],
    firstTokenMs: timings.prompt_ms,
    decodePerSecond: timings.predicted_per_second,
    logProbs: (content[0]?.top_logprobs ?? []).map(({ id, logprob }) => [id, logprob]),
  }
}
