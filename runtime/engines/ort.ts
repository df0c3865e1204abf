/** The one import of onnxruntime-web, by backend: each bundle carries another wasm file. */
import { ClusterError } from '../../protocol/errors.ts'
import type { GraphBackend } from '../../core/graph/emit-options.ts'

export type Ort = typeof import('onnxruntime-web')

export type OrtOptions = {
  readonly backend: GraphBackend
  /** More than one needs a cross-origin isolated page; ORT falls back to one without a word. */
  readonly numThreads: number
  /** Where the wasm files are served: a URL prefix, or the two files. Absent in Node, which finds them beside the package. */
  readonly wasmPaths?: string | { readonly mjs?: string; readonly wasm?: string }
}

/** JSPI needs a third less code and no unwinding; only Chromium has it. */
const hasJspi = (): boolean => 'Suspending' in WebAssembly

async function importBundle(backend: GraphBackend): Promise<Ort> {
  if (backend === 'wasm') return import('onnxruntime-web/wasm')
  return hasJspi() ? import('onnxruntime-web/jspi') : import('onnxruntime-web/webgpu')
}

/** @throws {ClusterError} unsupported_backend when the bundle does not load */
export async function loadOrt({ backend, numThreads, wasmPaths }: OrtOptions): Promise<Ort> {
  try {
    const ort = await importBundle(backend)
    ort.env.wasm.numThreads = numThreads
    ort.env.logLevel = 'error'
    if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths
    return ort
  } catch (cause) {
    throw new ClusterError('unsupported_backend', `the ${backend} runtime could not be loaded`, { cause })
  }
}
