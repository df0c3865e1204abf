/**
 * The head where our own kernels compute it (`shaders/head-product.wgsl`): a norm, then the matrix of the vocabulary in rows, in pieces.
 * What the architecture states of its head is all there is to know; what is more than norm, product, factor and softcap is refused.
 */
import type { LayerBuilder, WeightRef } from '../arch/layer-builder.ts'
import { finalNorm } from '../arch/final-norm.ts'
import { architectureOf } from '../arch/registry.ts'
import type { ModelConfig } from '../model/config.ts'
import type { ModelDescription } from '../model/model-description.ts'
import type { TensorIndex } from '../model/safetensors.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { blockBytes, blocksOfRow } from '../quant/integer-blocks.ts'
import { blockFormOf } from './block-form.ts'
import { checkEmitOptions, type EmitOptions } from './emit-options.ts'
import { plannedBytes, type WeightPlan } from './weight-plan.ts'
import { checkStored, columnsOf } from './weight-source.ts'

/** Half-open. */
export type RowRange = { readonly start: number; readonly end: number }

/** A row of the matrix as the kernel reads it: whole units of so many bytes. */
export const UNIT_BYTES = 16

/** Scale and, of a layer norm, shift: each [hiddenSize] in f32. */
type NormPlan = { readonly kind: 'rms' | 'layer'; readonly epsilon: number; readonly weights: readonly WeightPlan[] }
type MatrixPlan = Extract<WeightPlan, { readonly recipe: 'rows' | 'blocks' }>

export type HeadPlan = {
  readonly norm: NormPlan
  readonly columns: number
  /** logit = softcap(scale · product); null: as it is. */
  readonly scale: number
  readonly softcap: number | null
  /** Rows of the vocabulary, behind each other. */
  readonly pieces: readonly (RowRange & { readonly matrix: MatrixPlan })[]
}

type HeadProduct = { readonly weight: WeightRef; readonly scale: number; readonly softcap: number | null }

/** What follows the norm, as the architecture states it. @throws {ClusterError} unsupported_model */
function headProduct(config: ModelConfig): HeadProduct {
  const refuse = (): never => {
    throw new ClusterError('unsupported_model', `the head of model type ${config.modelType} is more than a norm, a product, a factor and a softcap`)
  }
  const builder: LayerBuilder<HeadProduct | null> = {
    rmsNorm: (x) => (x ? refuse() : null),
    layerNorm: (x) => (x ? refuse() : null),
    linear: (x, { weight, bias }) => (x || bias ? refuse() : { weight, scale: 1, softcap: null }),
    scale: (x, factor) => (x?.softcap === null ? { ...x, scale: x.scale * factor } : refuse()),
    softcap: (x, cap) => (x?.softcap === null ? { ...x, softcap: cap } : refuse()),
    attention: refuse,
    latentAttention: refuse,
    shortConv: refuse,
    gatedMlp: refuse,
    plainMlp: refuse,
    experts: refuse,
    add: refuse,
  }
  return architectureOf(config.modelType).head(builder, null, config) ?? refuse()
}

function normPlan({ config, tensors }: ModelDescription): NormPlan {
  const { kind, weight, bias, epsilon } = finalNorm(config)
  const vector = (ref: WeightRef): WeightPlan => {
    checkStored(tensors, ref)
    const name = `/head/${ref.tensor}`
    return { recipe: 'vector', sources: [ref], floatType: 'f32', tensors: [{ name, type: 'f32', dims: [config.hiddenSize] }] }
  }
  return { kind, epsilon, weights: [vector(weight), ...(bias ? [vector(bias)] : [])] }
}

function matrixPlan(ref: WeightRef, rows: RowRange, tensors: TensorIndex, { weightFormat, floatType }: EmitOptions): MatrixPlan {
  checkStored(tensors, ref)
  const sources = [{ ...ref, rows }]
  const [count, columns] = [rows.end - rows.start, columnsOf(ref)]
  const name = `/head/${ref.tensor}/${rows.start}`
  if (weightFormat === 'f32' || weightFormat === 'f16') {
    const perUnit = UNIT_BYTES / (floatType === 'f16' ? 2 : 4)
    const width = perUnit * Math.ceil(columns / perUnit)
    return { recipe: 'rows', sources, floatType, tensors: [{ name, type: floatType, dims: [count, width] }] }
  }
  const form = blockFormOf(ref, tensors, weightFormat)
  const blocks = blocksOfRow(columns, form)
  if ((blocks * blockBytes(form)) % UNIT_BYTES !== 0) throw new Error(`rows of ${blocks} blocks of ${blockBytes(form)} bytes are no whole units`)
  const values = { name, type: 'uint8', dims: [count, blocks, blockBytes(form)] } as const
  return { recipe: 'blocks', form, sources, floatType, tensors: [values, { name: `${name}.scales`, type: floatType, dims: [count, blocks] }] }
}

/** @param pieces of the vocabulary @throws {ClusterError} unsupported_model, unsupported_backend, bad_checkpoint */
export function planHead(model: ModelDescription, options: EmitOptions, pieces: readonly RowRange[]): HeadPlan {
  checkEmitOptions(options)
  const { weight, scale, softcap } = headProduct(model.config)
  return {
    norm: normPlan(model),
    columns: columnsOf(weight),
    scale,
    softcap,
    pieces: pieces.map((rows) => ({ ...rows, matrix: matrixPlan(weight, rows, model.tensors, options) })),
  }
}

/** What is read and built together. */
export const headParts = ({ norm, pieces }: HeadPlan): readonly { readonly weights: readonly WeightPlan[] }[] => [
  norm,
  ...pieces.map(({ matrix }) => ({ weights: [matrix] })),
]
export const headPlanBytes = (plan: HeadPlan): number =>
  headParts(plan)
    .flatMap(({ weights }) => weights)
    .reduce((sum, one) => sum + plannedBytes(one), 0)
