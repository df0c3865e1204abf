/** What one layer of a model takes on a backend, with weights of its shape that nobody had to download. */
import { emitShard } from '../../core/graph/shard-graphs.ts'
import { architectureOf } from '../../core/arch/registry.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { Engine } from '../engine.ts'
import { emitOptionsOf, onGraphs, sessionOptionsOf, type BackendRuntime } from '../load-options.ts'
import { openShardGraphs } from '../open-graph.ts'
import { planSimdShard } from '../simd/open-simd.ts'
import { wasmEngine } from '../wasm-engine.ts'
import { gpuOf, webgpuEngine } from '../webgpu-engine.ts'
import { randomGraph, randomPlaces } from './random-weights.ts'

/** Tokens of the cache: what is measured is a layer's products, not a long context. */
const CONTEXT_TOKENS = 64
/** Passes in a row, against one alone: what a pass costs by itself, as reading back does, is no layer's. */
const ROW = 5
const WARM_UPS = 2
const LEAST_ROUNDS = 3
const MOST_ROUNDS = 15

/** Which layer stands for all: none of the first, which some models make otherwise. */
export const measuredLayer = ({ config }: ModelDescription): number => Math.floor(config.numLayers / 2)

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

/** @param budgetMs no further round begins after it @returns milliseconds of one token */
async function timePasses<Cache>(engine: Engine<Cache>, hiddenSize: number, now: () => number, budgetMs: number): Promise<number> {
  const cache = engine.openCache(CONTEXT_TOKENS)
  const values = Float32Array.from({ length: hiddenSize }, (_, i) => Math.sin(i))
  let position = 0
  const passes = async (count: number): Promise<number> => {
    // A model with states goes on from its end, or begins anew.
    if (position + count > CONTEXT_TOKENS) position = 0
    const start = now()
    for (let i = 0; i < count; i++) {
      await engine.runLayers([{ cache, hidden: { numberType: 'f32', values }, span: { position, count: 1, reach: position + 1 } }])
      position += 1
    }
    await engine.readHidden(0, 'f32')
    return now() - start
  }
  try {
    await passes(WARM_UPS)
    const [alone, inRow]: [number[], number[]] = [[], []]
    const end = now() + budgetMs
    while (inRow.length < LEAST_ROUNDS || (inRow.length < MOST_ROUNDS && now() < end)) {
      alone.push(await passes(1))
      inRow.push(await passes(ROW))
    }
    const several = median(inRow)
    const each = (several - median(alone)) / (ROW - 1)
    return each > 0 ? each : several / ROW
  } finally {
    engine.closeCache(cache)
  }
}

export type LayerToTime = BackendRuntime & {
  readonly model: ModelDescription
  readonly weightFormat: WeightFormat
  /** Monotonic, milliseconds. */
  readonly now: () => number
  readonly budgetMs: number
}

/**
 * Milliseconds that one layer takes for one token. The layer's memory is given back.
 * @throws {ClusterError} unsupported_backend, unsupported_model, not_enough_memory
 */
export async function timeLayer(options: LayerToTime): Promise<number> {
  const { model, weightFormat, backend, simd, now, budgetMs } = options
  const { config } = model
  const startLayer = measuredLayer(model)
  // A last layer comes with a head, which is none: the model is taken for one layer longer.
  const range = { startLayer, endLayer: startLayer + 1 }
  const headless = { ...model, config: { ...config, numLayers: config.numLayers + 1 } }
  const time = async <Cache>(engine: Engine<Cache>): Promise<number> => {
    try {
      return await timePasses(engine, config.hiddenSize, now, budgetMs)
    } finally {
      await engine.dispose()
    }
  }
  architectureOf(config.modelType)
  const shape = { weightFormat, contextLength: CONTEXT_TOKENS }
  if (backend === 'simd') {
    if (!simd) throw new ClusterError('unsupported_backend', 'the simd backend needs its kernels')
    return time((await planSimdShard(headless, range, shape, simd).open(randomPlaces)).engine)
  }
  const onOrt = onGraphs({ ...options, ...shape, model: headless })
  const emit = emitOptionsOf(onOrt)
  const graphs = await openShardGraphs(onOrt.ort, emitShard(headless, range, emit), randomGraph, sessionOptionsOf(options))
  if (backend === 'wasm') return time(wasmEngine({ ort: onOrt.ort, config, graphs }))
  return time(webgpuEngine({ ort: onOrt.ort, config, graphs, gpu: gpuOf(options.gpu), floatType: emit.floatType }))
}
