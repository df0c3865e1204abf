/** Rings on the backends that Node has, in this process. */
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { loadXgrammar } from '../../api-gateway/local-device-xgrammar.ts'
import type { Backend, WeightFormat } from '../../protocol/cluster.ts'
import type { BackendRuntime } from '../../runtime/engines/load-options.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import { openMemoryRing, type MemoryRing } from './memory-ring.ts'

const runtimeOf = async (backend: Backend): Promise<BackendRuntime> =>
  backend === 'simd' ? { backend, simd: await loadKernels() } : { backend, ort: await loadOrt({ backend: 'wasm', numThreads: 1 }) }

/**
 * @param size devices of the ring, 1 or 2
 * @param spare backend of one more device, which holds ready what they hold; null: there is none
 */
export async function openNodeRing(
  folder: string,
  backend: Backend,
  weightFormat: WeightFormat,
  size = 2,
  spare: Backend | null = null,
): Promise<MemoryRing> {
  const devices: BackendRuntime[] = []
  for (let i = 0; i < size; i++) devices.push(await runtimeOf(backend))
  const openSource = () => folderSource(folder)
  return openMemoryRing({ openSource, loadXgrammar, weightFormat, devices, spare: spare && (await runtimeOf(spare)) })
}
