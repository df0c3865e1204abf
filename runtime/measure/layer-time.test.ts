import { describe, expect, test } from 'vitest'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { tokenWork, weightRefs } from '../../core/arch/weight-refs.ts'
import { parseConfig } from '../../core/model/config.ts'
import type { SimdKernels } from '../simd/simd-kernels.ts'
import { timeLayer } from './layer-time.ts'
import { measuredLayers, WALKED_BYTES } from './measured-layers.ts'
import { referenceModel } from './reference-model.ts'

const MODEL = referenceModel()
const FLOAT_BYTES = 4
const LAYER_BYTES = FLOAT_BYTES * (tokenWork(MODEL.config).layers[0] ?? 0)

type Watched = { readonly runs: number; readonly nansAfter: readonly number[]; readonly heldBytes: number; readonly released: number }

const { range: WALKED } = measuredLayers(MODEL.config, 'f32')
const LAYERS = WALKED.endLayer - WALKED.startLayer
const WEIGHTS_BYTES = LAYERS * LAYER_BYTES

/**
 * Times layers in f32: a memory holds their weights at its beginning, layer by layer.
 * @param poisoned part of those weights, from 0 to 1, where some become no numbers before the second pass
 */
async function timed(poisoned: number | null): Promise<Watched> {
  const kernels = await loadKernels()
  const seen = { runs: 0, nansAfter: [] as number[], heldBytes: 0, released: 0 }
  const start: SimdKernels['start'] = async (memory, frame) => {
    const { run, release } = await kernels.start(memory, frame)
    const floats = (): Float32Array => new Float32Array(memory.buffer)
    seen.heldBytes = memory.buffer.byteLength
    const watchedRun = (code: number): void => {
      const at = Math.floor(((poisoned ?? 0) * WEIGHTS_BYTES) / FLOAT_BYTES)
      if (poisoned !== null && seen.runs === 1) floats().fill(NaN, at, at + 16)
      run(code)
      seen.runs += 1
      // Behind the weights: what layers hand on.
      seen.nansAfter.push(
        floats()
          .subarray(WEIGHTS_BYTES / FLOAT_BYTES + 2 ** 15)
          .filter(Number.isNaN).length,
      )
    }
    return { run: watchedRun, release: () => (release(), (seen.released += 1)) }
  }
  const simd = { ...kernels, start }
  const layerMs = await timeLayer({ backend: 'simd', simd, model: MODEL, weightFormat: 'f32', now: () => performance.now(), budgetMs: 0 })
  expect(layerMs).toBeGreaterThan(0)
  return seen
}

test('passes run over more weights than caches hold, and their memory is given back', async () => {
  const { runs, nansAfter, heldBytes, released } = await timed(null)
  expect(runs).toBeGreaterThan(4)
  expect(nansAfter.every((count) => count === 0)).toBe(true)
  expect(heldBytes).toBeGreaterThan(WALKED_BYTES)
  expect(heldBytes).toBeLessThan(1.5 * WALKED_BYTES)
  expect(released).toBe(1)
})

test.each(Array.from({ length: LAYERS }, (_, layer) => [layer]))('weights of layer %i are read in a pass', async (layer) => {
  const { nansAfter } = await timed((layer + 0.5) / LAYERS)
  const [before, after] = nansAfter
  expect(before).toBe(0)
  expect(after).toBeGreaterThan(0)
})

describe('layers that are measured', () => {
  test('are as many as it takes in each format, from the middle on', () => {
    expect((['f32', 'f16', 'int8', 'int4'] as const).map((format) => measuredLayers(MODEL.config, format).range)).toEqual([
      { startLayer: 15, endLayer: 19 },
      { startLayer: 15, endLayer: 23 },
      { startLayer: 15, endLayer: 29 },
      { startLayer: 5, endLayer: 30 },
    ])
  })

  test('are all but the first of a model that is smaller, and the only one of a model of one', () => {
    const small = (numLayers: number) =>
      parseConfig(
        JSON.stringify({
          model_type: 'llama',
          hidden_size: 64,
          intermediate_size: 128,
          num_hidden_layers: numLayers,
          num_attention_heads: 2,
          vocab_size: 256,
          max_position_embeddings: 64,
          rms_norm_eps: 1e-5,
        }),
      )
    expect(measuredLayers(small(4), 'int4').range).toEqual({ startLayer: 1, endLayer: 4 })
    expect(measuredLayers(small(4), 'int4').work).toBeCloseTo(3)
    expect(measuredLayers(small(1), 'f32').range).toEqual({ startLayer: 0, endLayer: 1 })
  })

  test('come without embedding table', () => {
    const refs = weightRefs({ ...MODEL.config, numLayers: MODEL.config.numLayers + 1 }, measuredLayers(MODEL.config, 'int4').range)
    expect(refs.every(({ tensor }) => tensor.startsWith('model.layers.'))).toBe(true)
  })

  test('of experts are held within a bound, though a token meets few of them', () => {
    const config = parseConfig(
      JSON.stringify({
        model_type: 'qwen3_moe',
        hidden_size: 512,
        intermediate_size: 1024,
        moe_intermediate_size: 256,
        num_experts: 64,
        num_experts_per_tok: 4,
        norm_topk_prob: true,
        decoder_sparse_step: 1,
        mlp_only_layers: [],
        num_hidden_layers: 24,
        num_attention_heads: 8,
        num_key_value_heads: 2,
        head_dim: 64,
        vocab_size: 1024,
        max_position_embeddings: 64,
        rms_norm_eps: 1e-6,
      }),
    )
    const { range } = measuredLayers(config, 'f32')
    const held = weightRefs({ ...config, numLayers: 25 }, range).reduce(
      (sum, { shape }) => sum + 4 * shape.reduce((product, size) => product * size, 1),
      0,
    )
    expect(range.endLayer - range.startLayer).toBe(1)
    expect(held).toBeLessThan(2.1 * WALKED_BYTES)
  })
})
