/** What a layer of a model takes on a backend, with weights of its shape that nobody had to download. */
import { emitShard } from '../../core/graph/shard-graphs.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { Engine } from '../engine.ts'
import { emitOptionsOf, onGraphs, sessionOptionsOf, type BackendRuntime } from '../engines/load-options.ts'
import { openShardGraphs } from '../engines/open-graph.ts'
import { planSimdShard } from '../simd/open-simd.ts'
import { wasmEngine } from '../engines/wasm-engine.ts'
import { gpuOf, webgpuEngine } from '../engines/webgpu-engine.ts'
import { measuredLayers } from './measured-layers.ts'
import { randomGraph, randomPlaces } from './random-weights.ts'

/** Tokens of the cache: what is measured is a layer's products, not a long context. */
const CONTEXT_TOKENS = 64
/** Passes in a row, against one alone: what a pass costs by itself, as reading back does, is no layer's. */
const ROW = 4
/** Beside a pass that takes longer, what it costs by itself is nothing, and a row of them would take too long. */
const SLOW_PASS_MS = 50
const LEAST_ROUNDS = 3
const MOST_ROUNDS = 15

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

/** @param budgetMs no further round begins after it, but for the first ones @returns milliseconds of one token through all layers of `engine` */
async function timePasses<Cache>(engine: Engine<Cache>, hiddenSize: number, now: () => number, budgetMs: number): Promise<number> {
  const cache = engine.openCache(CONTEXT_TOKENS)
  const waves = Float32Array.from({ length: hiddenSize + CONTEXT_TOKENS }, (_, i) => Math.sin(i))
  let position = 0
  const passes = async (count: number): Promise<number> => {
    // A model with states goes on from its end, or begins anew.
    if (position + count > CONTEXT_TOKENS) position = 0
    const start = now()
    for (let i = 0; i < count; i++) {
      // Each token is another one: those of experts then meet others.
      const values = waves.subarray(position, position + hiddenSize)
      await engine.runLayers([{ cache, hidden: { numberType: 'f32', values }, span: { position, count: 1, reach: position + 1 } }])
      position += 1
    }
    await engine.readHidden(0, 'f32')
    return now() - start
  }
  try {
    // Compiles, and touches each page of the weights for the first time.
    await passes(1)
    const alone: number[] = []
    const inRow: number[] = []
    const end = now() + budgetMs
    while (inRow.length < LEAST_ROUNDS || (inRow.length < MOST_ROUNDS && now() < end)) {
      alone.push(await passes(1))
      if (median(alone) < SLOW_PASS_MS) inRow.push(await passes(ROW))
      else if (alone.length >= LEAST_ROUNDS) return median(alone)
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
 * Milliseconds that a layer of mean size takes for one token, among so many that each finds its weights in memory, as in a ring, and not in a
 * cache. Their memory is given back.
 * @throws {ClusterError} unsupported_backend, unsupported_model, not_enough_memory
 */
export async function timeLayer(options: LayerToTime): Promise<number> {
  const { model, weightFormat, backend, simd, now, budgetMs } = options
  const { config } = model
  const { range, work } = measuredLayers(config, weightFormat)
  // A last layer comes with a head, which is none: the model is taken for one layer longer.
  const headless = { ...model, config: { ...config, numLayers: config.numLayers + 1 } }
  const time = async <Cache>(engine: Engine<Cache>): Promise<number> => {
    try {
      return (await timePasses(engine, config.hiddenSize, now, budgetMs)) / work
    } finally {
      await engine.dispose()
    }
  }
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
