/** ONNX graphs of a model's parts: any range of layers, and the head. */
import type { Architecture } from '../arch/architecture.ts'
import type { LayerBuilder } from '../arch/layer-builder.ts'
import { architectureOf } from '../arch/registry.ts'
import type { LayerRange } from '../cluster/sizing.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { graphWords } from './blocks.ts'
import { checkEmitOptions, type EmitOptions } from './emit-options.ts'
import { graphBuilder, nameOf, type EmittedGraph } from './graph-builder.ts'
import type { RowRange } from './head-plan.ts'
import * as ops from './ops.ts'
import { rowsOf } from './weight-source.ts'
import { ClusterError } from '../../protocol/errors.ts'

export const HIDDEN = 'hidden'

/** @throws {ClusterError} unsupported_backend */
function architectureFor({ config }: ModelDescription, options: EmitOptions): Architecture {
  checkEmitOptions(options)
  const architecture = architectureOf(config.modelType)
  if (architecture.needsF32 && options.floatType === 'f16')
    throw new ClusterError('unsupported_backend', `model type ${config.modelType} exceeds what f16 holds; choose int4 or f32 weights`)
  return architecture
}

/**
 * Decoder layers [startLayer, endLayer): `hidden` [1, tokens, hiddenSize] and the layers' past states in, hidden states and present states out.
 * The first output is the hidden states, residual added; the states follow (`states`).
 * @throws {ClusterError} unsupported_backend, unsupported_model, bad_checkpoint: refuses rather than be wrong
 */
export function emitLayers(model: ModelDescription, range: LayerRange, options: EmitOptions): EmittedGraph {
  const architecture = architectureFor(model, options)
  const g = graphBuilder(model.tensors, options)
  const words = graphWords(g)
  const { hiddenSize } = model.config
  let x: Parameters<typeof nameOf>[1] = { name: g.input({ name: HIDDEN, type: options.floatType, dims: [1, 'tokens', hiddenSize] }) }
  for (let layer = range.startLayer; layer < range.endLayer; layer++) x = architecture.layer(words, x, model.config, layer)
  const hidden = nameOf(g, x)
  g.output({ name: hidden, type: options.floatType, dims: [1, 'tokens', hiddenSize] })
  const graph = g.finish(`layers ${range.startLayer} to ${range.endLayer}`)
  // The states were declared as the layers were stated; the hidden states come first for the runner's convenience.
  return { ...graph, outputs: [...graph.outputs.slice(-1), ...graph.outputs.slice(0, -1)] }
}

/** The words, but that a product over the whole vocabulary gives some of its rows only. */
function wordsOverRows<V>(words: LayerBuilder<V>, vocabSize: number, rows: RowRange): LayerBuilder<V> {
  return {
    ...words,
    linear: (x, { weight, bias }) => {
      if (rowsOf(weight) !== vocabSize) return words.linear(x, { weight, ...(bias ? { bias } : {}) })
      return words.linear(x, { weight: { ...weight, rows }, ...(bias ? { bias: { ...bias, rows } } : {}) })
    },
  }
}

/**
 * Final norm and head: `hidden` [1, rows, hiddenSize] → logits [1, rows, vocabSize], f32, or those of `vocabulary` alone.
 * Only rows that are sampled or asked for are fed.
 * @throws {ClusterError} as `emitLayers`
 */
export function emitHead(model: ModelDescription, options: EmitOptions, vocabulary?: RowRange): EmittedGraph {
  const architecture = architectureFor(model, options)
  const { hiddenSize, vocabSize } = model.config
  const { start, end } = vocabulary ?? { start: 0, end: vocabSize }
  const g = graphBuilder(model.tensors, options)
  const words = end - start === vocabSize ? graphWords(g) : wordsOverRows(graphWords(g), vocabSize, { start, end })
  const x = { name: g.input({ name: HIDDEN, type: options.floatType, dims: [1, 'rows', hiddenSize] }) }
  const logits = nameOf(g, architecture.head(words, x, model.config))
  const name = options.floatType === 'f16' ? ops.castToF32(g, '/logits', logits) : logits
  g.output({ name, type: 'f32', dims: [1, 'rows', end - start] })
  return g.finish('head')
}
