/** WebGPU against ONNX Runtime's WASM in f32, in one page. */
import { describeModel } from '../../core/model/describe-model.ts'
import { httpSource } from '../../core/model/http-source.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { openRunnerGpu } from '../harness/gpu.page.ts'
import { divergenceOf, type Divergence } from './divergence.ts'
import { logitsOf } from './logits.ts'
import { textsOf } from './texts.ts'

export type OnWebgpu = { readonly url: string; readonly weightFormat: WeightFormat; readonly limit: number; readonly wasmPaths: string }

export async function onWebgpu({ url, weightFormat, limit, wasmPaths }: OnWebgpu): Promise<Divergence> {
  const source = httpSource(url, { fetch: (input, init) => fetch(input, init), clock: systemClock, random: Math.random })
  const model = await describeModel(source)
  const texts = await textsOf(source, limit)
  const shared = { source, model, contextLength: Math.max(...texts.map((ids) => ids.length)) }
  const wasm = { backend: 'wasm', ort: await loadOrt({ backend: 'wasm', numThreads: 1, wasmPaths }) } as const
  const webgpu = { backend: 'webgpu', ort: await loadOrt({ backend: 'webgpu', numThreads: 1, wasmPaths }), gpu: await openRunnerGpu() } as const
  const reference = await logitsOf({ ...shared, ...wasm, weightFormat: 'f32' }, texts)
  return divergenceOf(reference, await logitsOf({ ...shared, ...webgpu, weightFormat }, texts), model.config.vocabSize)
}
