/** One shard in a process of its own: what is said of its memory beforehand, and what the process then grows by. */
import { folderSource } from '../api-gateway/folder-source.ts'
import { loadKernels } from '../api-gateway/local-device-kernels.ts'
import { estimateShard, type MemoryEstimate } from '../core/cluster/estimate.ts'
import { describeModel } from '../core/model/describe-model.ts'
import { weightFormatSchema, type WeightFormat } from '../protocol/cluster.ts'
import { sequenceId } from '../protocol/ids.ts'
import { loadShard } from '../runtime/engines/load-shard.ts'
import { loadOrt } from '../runtime/engines/ort.ts'

export type CpuBackend = 'wasm' | 'simd'
export type ChildTask = {
  readonly folder: string
  readonly backend: CpuBackend
  readonly weightFormat: WeightFormat
  readonly contextLength: number
  /** Layers from 0 to this one; null for the whole model. */
  readonly endLayer: number | null
}
export type ChildReport = {
  readonly estimate: MemoryEstimate
  readonly heldWeightBytes: number
  /** Growth of the process, once the context is full. */
  readonly processBytes: number
}

const CHUNK_TOKENS = 128

function residentBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().rss
}

async function measure({ folder, backend, weightFormat, contextLength, endLayer }: ChildTask): Promise<ChildReport> {
  const source = folderSource(folder)
  const model = await describeModel(source)
  const { numLayers } = model.config
  const range = { startLayer: 0, endLayer: endLayer ?? numLayers }
  const estimate = estimateShard(model, range, { backend, weightFormat, floatType: 'f32', contextLength })
  const before = residentBytes()
  const runtime = backend === 'wasm' ? { ort: await loadOrt({ backend, numThreads: 1 }) } : { simd: await loadKernels() }
  const runner = await loadShard({ source, model, ...range, backend, weightFormat, contextLength, ...runtime })
  const sequence = sequenceId('00000000000000e5')
  runner.open(sequence, contextLength)
  for (let position = 0; position < contextLength; position += CHUNK_TOKENS) {
    const count = Math.min(CHUNK_TOKENS, contextLength - position)
    const ids = Array.from({ length: count }, (_, i) => (position + 37 * i) % Math.min(4000, model.config.vocabSize))
    const isEnd = position + count === contextLength
    const want = range.endLayer < numLayers ? ({ type: 'hidden', numberType: 'f32' } as const) : ({ type: isEnd ? 'head' : 'none' } as const)
    await runner.run({ sequence, position, count, reach: contextLength, input: { type: 'tokens', ids }, want })
  }
  return { estimate, heldWeightBytes: runner.heldBytes, processBytes: residentBytes() - before }
}

const [folder = '', backend = '', format = '', context = '', end = ''] = process.argv.slice(2)
const task: ChildTask = {
  folder,
  backend: backend === 'simd' ? 'simd' : 'wasm',
  weightFormat: weightFormatSchema.parse(format),
  contextLength: Number(context),
  endLayer: end === '' ? null : Number(end),
}
const report = await measure(task)
process.send?.(report, () => process.exit(0))
