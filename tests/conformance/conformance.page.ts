/** Conformance inside a browser: the same checks, on the backends only a browser has. */
import { emitHead } from '../../core/graph/emit.ts'
import { httpSource } from '../../core/model/http-source.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { toClusterError, toWireError, type WireError } from '../../protocol/errors.ts'
import { loadShard } from '../../runtime/engines/load-shard.ts'
import { fromCheckpoint, openGraph } from '../../runtime/engines/open-graph.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import type { RunnerGpu } from '../../runtime/engines/gpu-kernels.ts'
import { webgpuSessionOptions } from '../../runtime/engines/webgpu-engine.ts'
import { openKernels } from '../../web/engine/simd-kernels.ts'
import { openRunnerGpu } from '../harness/gpu.page.ts'
import { runEmber, type EmberReport } from './ember.ts'
import { runCase, type CaseOptions, type CaseReport } from './run-case.ts'

type PageBackend = 'wasm' | 'simd' | 'webgpu'
export type PageCase = { readonly url: string; readonly backend: PageBackend; readonly wasmPaths: string }
export type PageCaseResult = { readonly report: CaseReport } | { readonly error: WireError; readonly text: string }

/** One device a page: ORT keeps to the first one it was given. */
let gpu: Promise<RunnerGpu> | null = null

async function environment({ url, backend, wasmPaths }: PageCase): Promise<CaseOptions> {
  const source = httpSource(url, { fetch: (input, init) => fetch(input, init), clock: systemClock, random: Math.random })
  if (backend === 'simd') return { source, backend, simd: await openKernels() }
  const ort = await loadOrt({ backend, numThreads: 1, wasmPaths })
  return { ort, source, backend, ...(backend === 'webgpu' ? { gpu: await (gpu ??= openRunnerGpu()) } : {}) }
}

export async function conformance({
  leastPartBytes,
  splits,
  ...options
}: PageCase & Pick<CaseOptions, 'leastPartBytes' | 'splits'>): Promise<PageCaseResult> {
  try {
    const choices = { ...(leastPartBytes === undefined ? {} : { leastPartBytes }), ...(splits === undefined ? {} : { splits }) }
    return { report: await runCase({ ...(await environment(options)), ...choices }) }
  } catch (thrown) {
    return {
      error: toWireError(toClusterError(thrown)),
      text: thrown instanceof Error ? `${thrown.message} ${String(thrown.cause ?? '')} ${thrown.stack ?? ''}` : String(thrown),
    }
  }
}

export type PageEmber = PageCase & {
  readonly weightFormat: WeightFormat
  readonly cuts?: readonly number[]
  readonly limit?: number
  readonly handoff?: 'f16' | 'f32'
}

export async function ember({ weightFormat, cuts, limit, handoff, ...page }: PageEmber): Promise<EmberReport> {
  const optional = { ...(cuts ? { cuts } : {}), ...(limit === undefined ? {} : { limit }), ...(handoff ? { handoff } : {}) }
  return runEmber({ ...(await environment(page)), weightFormat, ...optional })
}

/** A graph with a node that only the CPU has, given to the WebGPU session. @returns the refusal, or null when it was taken */
export async function openCpuOnlyGraph(page: PageCase): Promise<WireError | null> {
  const { ort, source, gpu: runnerGpu } = await environment({ ...page, backend: 'webgpu' })
  if (!ort) throw new Error('webgpu without ORT')
  const model = await describeModel(source)
  const graph = emitHead(model, { backend: 'wasm', weightFormat: 'int8', contextLength: 8, floatType: 'f32' })
  try {
    await openGraph(ort, graph, fromCheckpoint({ source, tensors: model.tensors, onBytes: () => undefined }), webgpuSessionOptions(runnerGpu))
    return null
  } catch (thrown) {
    return toWireError(toClusterError(thrown))
  }
}

/**
 * Layers on a device with every optional feature its adapter has, subgroups of four lanes included, where ORT's long-prompt
 * attention is wrong. @returns lanes, and the refusal or null when the answers were right
 */
export async function loadWithAllFeatures({ url, wasmPaths }: PageCase): Promise<{ lanes: number; refusal: WireError | null }> {
  const wanted: GPUFeatureName[] = ['shader-f16', 'subgroups']
  const runnerGpu = await openRunnerGpu((adapter) => wanted.filter((feature) => adapter.features.has(feature)))
  const ort = await loadOrt({ backend: 'webgpu', numThreads: 1, wasmPaths })
  const source = httpSource(url, { fetch: (input, init) => fetch(input, init), clock: systemClock, random: Math.random })
  const lanes = runnerGpu.device.adapterInfo.subgroupMinSize ?? 0
  try {
    const model = await describeModel(source)
    const runner = await loadShard({
      source,
      model,
      startLayer: 0,
      endLayer: 1,
      backend: 'webgpu',
      weightFormat: 'f32',
      contextLength: 64,
      ort,
      gpu: runnerGpu,
    })
    await runner.dispose()
    return { lanes, refusal: null }
  } catch (thrown) {
    return { lanes, refusal: toWireError(toClusterError(thrown)) }
  }
}
