/** The head on WebGPU in a page: our kernels beside the graph whose logits all leave the GPU, over the same weights. */
import { weightRefs } from '../core/arch/weight-refs.ts'
import { emitHead, HIDDEN } from '../core/graph/emit.ts'
import type { EmitOptions } from '../core/graph/emit-options.ts'
import { headParts, planHead } from '../core/graph/head-plan.ts'
import { parseConfig } from '../core/model/config.ts'
import { memorySource } from '../core/model/memory-source.ts'
import type { ModelDescription } from '../core/model/model-description.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import { bytesOf } from '../core/quant/stored.ts'
import type { WeightFormat } from '../protocol/cluster.ts'
import { buildSpace } from '../runtime/engines/external-data.ts'
import { openGpuHead } from '../runtime/engines/gpu-head.ts'
import { createGpuMemory } from '../runtime/engines/gpu-memory.ts'
import { fromCheckpoint, openGraph } from '../runtime/engines/open-graph.ts'
import { loadOrt } from '../runtime/engines/ort.ts'
import { webgpuSessionOptions } from '../runtime/engines/webgpu-engine.ts'
import { listWords, SHORTLIST_SIZE } from '../shaders/head.ts'
import { openRunnerGpu } from '../tests/harness/gpu.page.ts'

export type HeadTask = {
  readonly wasmPaths: string
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly weightFormat: WeightFormat
  readonly rounds: number
}
/** Milliseconds of each round, and bytes that one head reads back. */
export type HeadTimes = {
  readonly kernels: readonly number[]
  readonly graph: readonly number[]
  readonly kernelBytes: number
  readonly graphBytes: number
  readonly compileMs: number
}

const WARM_UPS = 2

/** A norm and a table that is the head too, in bf16: as large as a model's, and no layer. */
function headAlone(vocabSize: number, hiddenSize: number): { readonly model: ModelDescription; readonly source: ModelSource } {
  const sizes = { hidden_size: hiddenSize, intermediate_size: 64, num_hidden_layers: 1, num_attention_heads: 1, vocab_size: vocabSize }
  const rest = { max_position_embeddings: 64, rms_norm_eps: 1e-5, rope_theta: 1e4, hidden_act: 'silu', tie_word_embeddings: true }
  const config = parseConfig(JSON.stringify({ model_type: 'llama', ...sizes, ...rest }))
  const refs = weightRefs(config, { startLayer: 0, endLayer: 1 }).filter(({ tensor }) => !tensor.includes('layers'))
  let [end, state] = [0, 1]
  const tensors = new Map(
    refs.map(({ tensor, shape }) => {
      const start = end
      end += 2 * shape.reduce((product, size) => product * size, 1)
      return [tensor, { file: 'weights', start, end, shape, type: 'bf16' }] as const
    }),
  )
  // Signs, exponents below one and all mantissas of bf16.
  const halves = Uint16Array.from({ length: end / 2 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return ((state >>> 31) << 15) | ((0x78 + ((state >>> 20) & 3)) << 7) | ((state >>> 12) & 0x7f)
  })
  const model = { config, tensors, eosIds: config.eosIds, contextLength: config.maxPositions }
  return { model, source: memorySource('head', new Map([['weights', bytesOf(halves)]])) }
}

/** @throws {Error} when the two do not agree on the largest logit */
export async function timeHead({ wasmPaths, vocabSize, hiddenSize, weightFormat, rounds }: HeadTask): Promise<HeadTimes> {
  const { model, source } = headAlone(vocabSize, hiddenSize)
  const gpu = await openRunnerGpu()
  const ort = await loadOrt({ backend: 'webgpu', numThreads: 1, wasmPaths })
  const options: EmitOptions = { backend: 'webgpu', weightFormat, floatType: 'f32', contextLength: 64 }
  const build = fromCheckpoint({ source, tensors: model.tensors, onBytes: () => undefined })
  const emitted = emitHead(model, options)
  const graph = await openGraph(ort, emitted, build, webgpuSessionOptions(gpu))
  const plan = planHead(model, options, [{ start: 0, end: vocabSize }])
  const start = performance.now()
  const head = await openGpuHead({ gpu, floatType: 'f32', plan }, build, buildSpace([emitted, ...headParts(plan)]))
  const compileMs = performance.now() - start
  const memory = createGpuMemory(gpu.device)
  const values = Float32Array.from({ length: hiddenSize }, (_, i) => Math.sin(1.7 * i) * (1 + (i % 5)))
  const buffer = memory.growing('bench.hidden').atLeast(values.byteLength)
  const logits = memory.growing('bench.logits').atLeast(4 * vocabSize)
  memory.write(buffer, bytesOf(values))
  const onGpu = (held: GPUBuffer, width: number) => ort.Tensor.fromGpuBuffer(held, { dataType: 'float32', dims: [1, 1, width] })

  async function byGraph(): Promise<number> {
    await graph.run({ [HIDDEN]: onGpu(buffer, hiddenSize) }, { [graph.output]: onGpu(logits, vocabSize) })
    const bytes = await memory.read(logits, 4 * vocabSize)
    const read = new Float32Array(bytes.buffer, bytes.byteOffset, vocabSize)
    return read.reduce((best, logit, id) => (logit > (read[best] ?? NaN) ? id : best), 0)
  }
  const byKernels = async (): Promise<number> => (await head.heads({ buffer, tokens: 1 }, [0], false))[0]?.shortlist.ids[0] ?? -1
  const timed = async (run: () => Promise<number>): Promise<number> => {
    const begin = performance.now()
    await run()
    return performance.now() - begin
  }

  for (let i = 0; i < WARM_UPS; i++) {
    const [ours, theirs] = [await byKernels(), await byGraph()]
    if (ours !== theirs) throw new Error(`the kernels' largest logit is ${ours}, the graph's ${theirs}`)
  }
  const [kernels, viaGraph]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    kernels.push(await timed(byKernels))
    viaGraph.push(await timed(byGraph))
  }
  gpu.device.destroy()
  return { kernels, graph: viaGraph, kernelBytes: 4 * listWords(SHORTLIST_SIZE), graphBytes: 4 * vocabSize, compileMs }
}
