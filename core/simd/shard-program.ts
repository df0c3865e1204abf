/** Programs of a model's parts for the simd backend: any range of layers, and the head. */
import type { LayerBuilder } from '../arch/layer-builder.ts'
import { architectureOf } from '../arch/registry.ts'
import type { LayerRange } from '../cluster/sizing.ts'
import { checkFormat } from '../graph/emit-options.ts'
import type { ModelDescription } from '../model/model-description.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { MAP_SCALE, MAP_SOFTCAP } from '../../kernels/opcodes.ts'
import { attention, latentAttention, norm } from './attention.ts'
import { experts, gatedMlp, plainMlp, shortConv } from './mlp.ts'
import { linear, vector, type Emitter } from './products.ts'
import { at, programBuilder, start, strideOf, type Buffer, type Program, type Value } from './program.ts'

export type ProgramOptions = { readonly weightFormat: WeightFormat; readonly contextLength: number }

function map({ program }: Emitter, x: Value, kind: number, value: number): Value {
  const y = program.value(x.width)
  const stride = strideOf(x.width)
  const words = { x: at(x), xStride: stride, y: at(y), yStride: stride, width: x.width, kind, value }
  program.emit('map', words, { reads: [x.buffer], writes: [y.buffer] })
  return y
}

function add({ program }: Emitter, a: Value, b: Value): Value {
  const y = program.value(a.width)
  const stride = strideOf(a.width)
  const words = { a: at(a), aStride: stride, b: at(b), bStride: stride, y: at(y), yStride: stride, width: a.width }
  program.emit('add', words, { reads: [a.buffer, b.buffer], writes: [y.buffer] })
  return y
}

const programWords = (e: Emitter): LayerBuilder<Value> => ({
  rmsNorm: (x, weight, epsilon) => norm(e, x, 'rms', vector(e, [weight]), 0, epsilon),
  layerNorm: (x, weight, bias, epsilon) => norm(e, x, 'layer', vector(e, [weight]), bias ? vector(e, [bias]) : 0, epsilon),
  linear: (x, projection) => linear(e, x, projection),
  attention: (x, spec) => attention(e, x, spec),
  latentAttention: (x, spec) => latentAttention(e, x, spec),
  shortConv: (x, spec) => shortConv(e, x, spec),
  gatedMlp: (x, spec) => gatedMlp(e, x, spec),
  plainMlp: (x, spec) => plainMlp(e, x, spec),
  experts: (x, spec) => experts(e, x, spec),
  add: (a, b) => add(e, a, b),
  scale: (x, factor) => map(e, x, MAP_SCALE, factor),
  softcap: (x, cap) => map(e, x, MAP_SOFTCAP, cap),
})

function emitterOf({ tensors }: ModelDescription, { weightFormat, contextLength }: ProgramOptions): Emitter {
  checkFormat('simd', weightFormat)
  return { weightFormat, contextLength, program: programBuilder(), tensors, quantized: new Map() }
}

/**
 * Decoder layers [startLayer, endLayer): input and output are hidden states [rows, hiddenSize], residual included.
 * @throws {ClusterError} unsupported_model, unsupported_backend, bad_checkpoint
 */
export function layersProgram(model: ModelDescription, range: LayerRange, options: ProgramOptions): Program {
  const e = emitterOf(model, options)
  const words = programWords(e)
  const architecture = architectureOf(model.config.modelType)
  const input = e.program.value(model.config.hiddenSize)
  let x = input
  for (let layer = range.startLayer; layer < range.endLayer; layer++) x = architecture.layer(words, x, model.config, layer)
  return e.program.finish({ input, output: x })
}

export type HeadProgram = { readonly program: Program; readonly shortlist: Buffer; readonly shortlistSize: number }

/** Entries of a shortlist: what top-k up to 100 and most of a nucleus need. */
const SHORTLIST_SIZE = 128
/** count, ids, logits, largest, sum. */
const shortlistBytes = (size: number): number => 4 * (2 * size + 3)

/**
 * Final norm and head: hidden states of a few rows → logits [rows, vocabSize], and of the last row the largest with the log-sum-exp of all.
 * @throws {ClusterError} unsupported_model, bad_checkpoint
 */
export function headProgram(model: ModelDescription, options: ProgramOptions): HeadProgram {
  const e = emitterOf(model, options)
  const { hiddenSize, vocabSize } = model.config
  const input = e.program.value(hiddenSize)
  const logits = architectureOf(model.config.modelType).head(programWords(e), input, model.config)
  const k = Math.min(SHORTLIST_SIZE, vocabSize)
  const listBytes = shortlistBytes(k)
  const [lists, shortlist] = [e.program.buffer(0, listBytes), e.program.buffer(0, listBytes)]
  const words = { logits: at(logits), stride: strideOf(vocabSize), n: vocabSize, k, lists: start(lists), listBytes }
  e.program.emit('shortlist', words, { reads: [logits.buffer], writes: [lists] })
  e.program.emit('mergeShortlists', { k, lists: start(lists), listBytes, merged: start(shortlist) }, { reads: [lists], writes: [shortlist] })
  return { program: e.program.finish({ input, output: logits, results: [shortlist] }), shortlist, shortlistSize: k }
}
