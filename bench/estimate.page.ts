/** A shard on WebGPU in a page: its estimate, and what GPU buffers and the page's own memory then take. */
import { estimateShard, type MemoryEstimate } from '../core/cluster/estimate.ts'
import { httpSource } from '../core/model/http-source.ts'
import { describeModel } from '../core/model/describe-model.ts'
import type { WeightFormat } from '../protocol/cluster.ts'
import { sequenceId } from '../protocol/ids.ts'
import { loadShard } from '../runtime/engines/load-shard.ts'
import { loadOrt } from '../runtime/engines/ort.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { openRunnerGpu } from '../tests/harness/gpu.page.ts'

export type PageTask = {
  readonly url: string
  readonly wasmPaths: string
  readonly weightFormat: WeightFormat
  readonly contextLength: number
  /** Tokens of the one pass that is run: a software GPU takes long for many. */
  readonly tokens: number
}
export type PageHeld = {
  readonly estimate: MemoryEstimate
  readonly heldWeightBytes: number
  /** Of buffers that were made and not destroyed. */
  readonly gpuBytes: number
  /** JavaScript and WebAssembly, as the browser counts after collecting garbage. */
  readonly pageBytes: number
}

/** Counts the bytes of live buffers of a device from here on. */
function countBuffers(device: GPUDevice): () => number {
  const live = new Map<GPUBuffer, number>()
  const create = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor)
    live.set(buffer, descriptor.size)
    const destroy = buffer.destroy.bind(buffer)
    buffer.destroy = () => {
      live.delete(buffer)
      return destroy()
    }
    return buffer
  }
  return () => [...live.values()].reduce((sum, bytes) => sum + bytes, 0)
}

/** https://developer.mozilla.org/docs/Web/API/Performance/measureUserAgentSpecificMemory */
type Measuring = Performance & { readonly measureUserAgentSpecificMemory: () => Promise<{ readonly bytes: number }> }
const canMeasure = (clock: Performance): clock is Measuring => 'measureUserAgentSpecificMemory' in clock

async function pageMemory(): Promise<number> {
  if (!canMeasure(performance)) throw new Error('the page is not isolated, or the browser cannot measure its memory')
  return (await performance.measureUserAgentSpecificMemory()).bytes
}

export async function hold({ url, wasmPaths, weightFormat, contextLength, tokens }: PageTask): Promise<PageHeld> {
  const source = httpSource(url, { fetch: (input, init) => fetch(input, init), clock: systemClock, random: Math.random })
  const model = await describeModel(source)
  const before = await pageMemory()
  const gpu = await openRunnerGpu()
  const gpuBytes = countBuffers(gpu.device)
  const ort = await loadOrt({ backend: 'webgpu', numThreads: 1, wasmPaths })
  const range = { startLayer: 0, endLayer: model.config.numLayers }
  const estimate = estimateShard(model, range, { backend: 'webgpu', weightFormat, floatType: 'f32', contextLength })
  const runner = await loadShard({ source, model, ...range, backend: 'webgpu', weightFormat, contextLength, ort, gpu })
  const sequence = sequenceId('00000000000000e5')
  runner.open(sequence, contextLength)
  const ids = Array.from({ length: tokens }, (_, i) => (37 * i) % model.config.vocabSize)
  await runner.run({ sequence, position: 0, count: tokens, reach: tokens, input: { type: 'tokens', ids }, want: { type: 'head' } })
  const held = { estimate, heldWeightBytes: runner.heldBytes, gpuBytes: gpuBytes(), pageBytes: (await pageMemory()) - before }
  await runner.dispose()
  return held
}
