/** Conformance inside a browser: the same checks, on the backends only a browser has. */
import { httpSource } from '../../core/model/http-source.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { toClusterError, toWireError, type WireError } from '../../protocol/errors.ts'
import { loadOrt } from '../../runtime/ort.ts'
import type { RunnerGpu } from '../../runtime/webgpu-engine.ts'
import { openRunnerGpu } from '../harness/gpu.page.ts'
import { runEmber, type EmberReport } from './ember.ts'
import { runCase, type CaseReport } from './run-case.ts'

type PageBackend = 'wasm' | 'webgpu'
export type PageCase = { readonly url: string; readonly backend: PageBackend; readonly wasmPaths: string }
export type PageCaseResult = { readonly report: CaseReport } | { readonly error: WireError; readonly text: string }

/** One device a page: ORT keeps to the first one it was given. */
let gpu: Promise<RunnerGpu> | null = null

async function environment({ url, backend, wasmPaths }: PageCase) {
  const ort = await loadOrt({ backend, numThreads: 1, wasmPaths })
  const source = httpSource(url, { fetch: (input, init) => fetch(input, init) })
  return { ort, source, backend, ...(backend === 'webgpu' ? { gpu: await (gpu ??= openRunnerGpu()) } : {}) }
}

export async function conformance(options: PageCase): Promise<PageCaseResult> {
  try {
    return { report: await runCase(await environment(options)) }
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
