/** What is said before a download against what is then held, for every architecture. */
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { estimateShard } from '../../core/cluster/estimate.ts'
import { formatsOf } from '../../core/graph/emit-options.ts'
import { emitShard } from '../../core/graph/shard-graphs.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { loadShard } from '../../runtime/engines/load-shard.ts'
import { fromCheckpoint, openShardGraphs } from '../../runtime/engines/open-graph.ts'
import { loadOrt, type Ort } from '../../runtime/engines/ort.ts'
import type { SimdKernels } from '../../runtime/simd/simd-kernels.ts'
import { wasmEngine } from '../../runtime/engines/wasm-engine.ts'

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const casesIn = (root: string): readonly string[] =>
  existsSync(root) ? readdirSync(root).flatMap((name) => (existsSync(`${root}/${name}/config.json`) ? [`${root}/${name}`] : [])) : []
const WHOLE = folder('../../../shared/golden/arch')
const cases = [...casesIn(folder('../fixtures/golden')), ...casesIn(WHOLE)]
if (!existsSync(WHOLE)) test('every architecture is held as estimated', ({ skip }) => skip('the whole golden set is not beside the repository'))

const CONTEXT = 40
let [ort, simd]: [Ort | null, SimdKernels | null] = [null, null]
beforeAll(async () => {
  ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  simd = await loadKernels()
})

/** Bytes of the caches that the engine holds after a pass over the whole context. */
async function cacheBytes(source: ModelSource, model: ModelDescription, range: { startLayer: number; endLayer: number }): Promise<number> {
  if (!ort) throw new Error('ONNX Runtime is not there')
  const graphs = emitShard(model, range, { backend: 'wasm', weightFormat: 'f32', floatType: 'f32', contextLength: CONTEXT })
  const opened = await openShardGraphs(ort, graphs, fromCheckpoint({ source, tensors: model.tensors, onBytes: () => undefined }), {
    executionProviders: ['wasm'],
  })
  const engine = wasmEngine({ ort, config: model.config, graphs: opened })
  const cache = engine.openCache(CONTEXT)
  const values = Float32Array.from({ length: CONTEXT * model.config.hiddenSize }, (_, i) => Math.sin(i))
  await engine.runLayers([{ cache, hidden: { numberType: 'f32', values }, span: { position: 0, count: CONTEXT, reach: CONTEXT } }])
  const bytes = [...cache.values()].reduce((sum, tensor) => sum + (ArrayBuffer.isView(tensor.data) ? tensor.data.byteLength : NaN), 0)
  await engine.dispose()
  return bytes
}

describe.each(cases)('%s', (path) => {
  test('weights to the byte in every format of both CPU backends, whole and split; caches to the byte', { timeout: 60_000 }, async () => {
    const source = folderSource(path)
    const model = await describeModel(source)
    const { numLayers } = model.config
    const ranges = [
      { startLayer: 0, endLayer: numLayers },
      { startLayer: 0, endLayer: 1 },
      { startLayer: numLayers - 1, endLayer: numLayers },
    ]
    const wrong: unknown[] = []
    let checked = 0
    for (const backend of ['wasm', 'simd'] as const) {
      for (const weightFormat of formatsOf(backend, 'f32')) {
        for (const range of ranges) {
          const held = { backend, weightFormat, floatType: 'f32', contextLength: CONTEXT } as const
          const runtime = backend === 'wasm' && ort ? { ort } : simd ? { simd } : {}
          const runner = await loadShard({ source, model, ...range, ...held, ...runtime })
          const { weightsBytes, totalBytes } = estimateShard(model, range, held)
          if (weightsBytes !== runner.heldBytes || totalBytes <= weightsBytes) wrong.push({ ...held, ...range, weightsBytes, held: runner.heldBytes })
          await runner.dispose()
          checked++
        }
      }
    }
    expect(wrong).toEqual([])
    expect(checked).toBeGreaterThanOrEqual(12)
    for (const range of ranges) {
      const { kvBytes } = estimateShard(model, range, { backend: 'wasm', weightFormat: 'f32', floatType: 'f32', contextLength: CONTEXT })
      expect(kvBytes).toBe(await cacheBytes(source, model, range))
      expect(kvBytes).toBeGreaterThan(0)
    }
  })

  test('every format of a GPU has an estimate, or a refusal that says why', async () => {
    const model = await describeModel(folderSource(path))
    const range = { startLayer: 0, endLayer: model.config.numLayers }
    for (const weightFormat of formatsOf('webgpu', 'f16')) {
      try {
        const { weightsBytes } = estimateShard(model, range, { backend: 'webgpu', weightFormat, floatType: 'f16', contextLength: CONTEXT })
        expect(weightsBytes).toBeGreaterThan(0)
      } catch (error) {
        expect(error).toBeInstanceOf(ClusterError)
      }
    }
  })
})
