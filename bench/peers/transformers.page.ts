/** transformers.js (ONNX Runtime's WASM) in a page. */
import type { PageAnswer, PageAsk, PageLoad } from './page-messages.ts'

type Tensor = { readonly dims: readonly number[]; readonly data: ArrayLike<number> }
type TensorClass = new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => Tensor
type Inputs = { readonly input_ids: Tensor; readonly attention_mask: Tensor }
type Model = {
  readonly generate: (options: Readonly<Record<string, unknown>>) => Promise<{ readonly tolist: () => readonly (readonly bigint[])[] }>
  (inputs: Inputs): Promise<{ readonly logits: Tensor }>
}
type Module = {
  readonly env: {
    allowLocalModels: boolean
    allowRemoteModels: boolean
    localModelPath: string
    readonly backends: { readonly onnx: { readonly wasm: { numThreads: number; wasmPaths: string } } }
  }
  readonly Tensor: TensorClass
  readonly AutoModelForCausalLM: { readonly from_pretrained: (name: string, options: Readonly<Record<string, string>>) => Promise<Model> }
}

let model: Model | null = null
let Tensor: TensorClass | null = null

export async function load({ engines, model: address, format, threads }: PageLoad): Promise<void> {
  const module: Module = await import(/* @vite-ignore */ `${engines}@huggingface/transformers/dist/transformers.min.js`)
  const at = address.lastIndexOf('/') + 1
  module.env.allowLocalModels = true
  module.env.allowRemoteModels = false
  module.env.localModelPath = address.slice(0, at)
  const { wasm } = module.env.backends.onnx
  wasm.numThreads = threads
  wasm.wasmPaths = `${location.origin}${engines}onnxruntime-web/dist/`
  model = await module.AutoModelForCausalLM.from_pretrained(address.slice(at), { device: 'wasm', dtype: format })
  Tensor = module.Tensor
}

function inputsOf(ids: PageAsk['ids']): Inputs {
  if (!Tensor) throw new Error('load comes first')
  const dims = [ids.length, ids[0]?.length ?? 0]
  const flat = BigInt64Array.from(ids.flat(), BigInt)
  return { input_ids: new Tensor('int64', flat, dims), attention_mask: new Tensor('int64', new BigInt64Array(flat.length).fill(1n), dims) }
}

type Generated = { readonly ids: readonly (readonly number[])[]; readonly atMs: readonly number[]; readonly wholeMs: number }

async function generate(ids: PageAsk['ids'], tokens: number): Promise<Generated> {
  if (!model) throw new Error('load comes first')
  const atMs: number[] = []
  let puts = 0
  const started = performance.now()
  // The first call brings the prompts. It takes one prompt only.
  const streamer = { put: () => void (puts++ > 0 && atMs.push(performance.now() - started)), end: () => undefined }
  const limits = { max_new_tokens: tokens, min_new_tokens: tokens, do_sample: false }
  const answer = await model.generate({ ...inputsOf(ids), ...limits, ...(ids.length === 1 ? { streamer } : {}) })
  const wholeMs = performance.now() - started
  const generated = answer.tolist().map((all) => all.slice(ids[0]?.length).map(Number))
  if (generated.some((own) => own.length !== tokens)) throw new Error(`transformers.js gave ${generated[0]?.length} tokens instead of ${tokens}`)
  return { ids: generated, atMs, wholeMs }
}

export async function ask({ ids, tokens }: PageAsk): Promise<PageAnswer> {
  // Several prompts are not streamed: the time of their first tokens is that of an answer without others.
  const first = ids.length === 1 ? null : (await generate(ids, 1)).wholeMs
  const answer = await generate(ids, tokens)
  const firstTokenMs = first ?? answer.atMs[0] ?? Number.NaN
  const lastMs = first === null ? (answer.atMs.at(-1) ?? Number.NaN) : answer.wholeMs
  return { ids: answer.ids, firstTokenMs, decodePerSecond: (1000 * ids.length * (tokens - 1)) / (lastMs - firstTokenMs), logProbs: [] }
}

/** Of all tokens behind a prompt, those of `wanted`. */
export async function logProbs({ ids, wanted }: { ids: readonly number[]; wanted: readonly number[] }): Promise<PageAnswer['logProbs']> {
  if (!model) throw new Error('load comes first')
  const { logits } = await model(inputsOf([ids]))
  const vocabSize = logits.dims.at(-1) ?? 0
  const last = Float64Array.from({ length: vocabSize }, (_, i) => logits.data[logits.data.length - vocabSize + i] ?? Number.NaN)
  const largest = last.reduce((a, b) => Math.max(a, b), -Infinity)
  const sum = last.reduce((total, logit) => total + Math.exp(logit - largest), 0)
  return wanted.map((id) => [id, (last[id] ?? Number.NaN) - largest - Math.log(sum)])
}
