/** What became of a shard's matrices, told by how they were stored and how they are held. */
import type { Quantization, QuantizationClass } from '../../protocol/cluster.ts'
import type { WeightRef } from '../arch/layer-builder.ts'
import type { TensorIndex } from '../model/safetensors.ts'
import { addDeviations, NO_DEVIATION, relativeError, type Deviation } from '../quant/deviation.ts'
import { sourcesOf, type WeightPlan } from './weight-plan.ts'

/** Matrices that are held together. A matrix may come in several pieces of the same names. */
export type MatrixFidelity = { readonly stored: string; readonly held: string; readonly matrices: readonly string[]; readonly deviation: Deviation }

function heldName(plan: WeightPlan): string {
  switch (plan.recipe) {
    case 'blocks':
      return `int${plan.form.bits} block ${plan.form.size}`
    case 'int8-columns':
      return 'int8 row'
    case 'vector':
    case 'rows':
    case 'transposed':
    case 'rope':
      return plan.floatType
  }
}

/** @param held in words */
export function matrixFidelity(sources: readonly WeightRef[], held: string, tensors: TensorIndex, deviation: Deviation): MatrixFidelity {
  const types = new Set(sources.map(({ tensor, mxfp4Scales }) => (mxfp4Scales === undefined ? (tensors.get(tensor)?.type ?? '') : 'mxfp4')))
  return {
    stored: [...types].sort().join('+').slice(0, 32),
    held,
    matrices: [...new Set(sources.map(({ tensor, item }) => `${tensor} ${item ?? ''}`))],
    deviation,
  }
}

export const fidelityOf = (plan: WeightPlan, tensors: TensorIndex, deviation: Deviation): MatrixFidelity =>
  matrixFidelity(sourcesOf(plan), heldName(plan), tensors, deviation)

/** Weights that are not finite have no error in numbers; the wire knows finite ones only. */
const LARGEST_ERROR = 1e6
const told = (deviation: Deviation): number => {
  const error = relativeError(deviation)
  return error <= LARGEST_ERROR ? error : LARGEST_ERROR
}

const worstOf = (list: readonly MatrixFidelity[]): number => Math.max(0, ...list.map(({ deviation }) => told(deviation)))
const meanOf = (list: readonly MatrixFidelity[]): number => told(list.map(({ deviation }) => deviation).reduce(addDeviations, NO_DEVIATION))
const count = (list: readonly MatrixFidelity[], isExact: boolean): number =>
  list.reduce((sum, { matrices, deviation }) => sum + ((deviation.differences === 0) === isExact ? matrices.length : 0), 0)

function classOf(list: readonly MatrixFidelity[]): QuantizationClass {
  const { stored = '', held = '' } = list[0] ?? {}
  return { stored, held, lossless: count(list, true), requantized: count(list, false), worstError: worstOf(list), meanError: meanOf(list) }
}

function joinPieces(list: readonly MatrixFidelity[]): readonly MatrixFidelity[] {
  const whole = new Map<string, MatrixFidelity>()
  for (const piece of list) {
    const key = JSON.stringify([piece.matrices, piece.stored, piece.held])
    const known = whole.get(key)
    whole.set(key, known ? { ...known, deviation: addDeviations(known.deviation, piece.deviation) } : piece)
  }
  return [...whole.values()]
}

/** Lines of tensors that a report has room for. */
const WORST = 8

export type TensorError = NonNullable<Quantization['worstTensors']>[number]

/** Matrices that are held together have one error. */
function errorOf({ matrices, stored, held, deviation }: MatrixFidelity): TensorError {
  const names = [...new Set(matrices.map((matrix) => matrix.trim()))]
  const tensor = names.length === 1 ? (names[0] ?? '') : `${names[0]} and ${names.length - 1} more`
  return { tensor: tensor.slice(0, 200), stored, held, error: told(deviation) }
}

/** Of every matrix, in the order in which they were loaded; 0 where it is exact. */
export const tensorErrors = (pieces: readonly MatrixFidelity[]): readonly TensorError[] => joinPieces(pieces).map(errorOf)

function worstTensors(list: readonly MatrixFidelity[]): TensorError[] {
  const rounded = list.filter(({ deviation }) => deviation.differences > 0).toSorted((a, b) => told(b.deviation) - told(a.deviation))
  return rounded.slice(0, WORST).map(errorOf)
}

/** Of all matrices of a shard. */
export function quantizationOf(pieces: readonly MatrixFidelity[]): Quantization {
  const list = joinPieces(pieces)
  const worst = worstTensors(list)
  const byClass = new Map<string, MatrixFidelity[]>()
  for (const one of list) {
    const key = `${one.stored} ${one.held}`
    byClass.set(key, [...(byClass.get(key) ?? []), one])
  }
  return {
    losslessTensors: count(list, true),
    requantizedTensors: count(list, false),
    worstError: worstOf(list),
    meanError: meanOf(list),
    classes: [...byClass.values()].map(classOf),
    ...(worst.length > 0 ? { worstTensors: worst } : {}),
  }
}
