/** The compiled kernels, served beside the page; compiled once a worker. */
import { ClusterError } from '../../protocol/errors.ts'
import { compileKernels, type SimdKernels } from '../../runtime/simd/simd-kernels.ts'
import kernelsUrl from '../../dist/kernels/kernels.wasm?url'

let opened: Promise<SimdKernels> | null = null

async function open(): Promise<SimdKernels> {
  const response = await fetch(kernelsUrl)
  if (!response.ok) throw new ClusterError('source_unavailable', `the kernels could not be fetched: HTTP ${response.status}`)
  return compileKernels(new Uint8Array(await response.arrayBuffer()))
}

/** @throws {ClusterError} unsupported_backend, source_unavailable */
export async function openKernels(): Promise<SimdKernels> {
  opened ??= open()
  // A failed opening is not kept: the next shard may try again.
  opened.catch(() => (opened = null))
  return opened
}
