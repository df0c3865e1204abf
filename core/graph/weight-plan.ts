/** What each initializer of a graph is made of, and how many bytes it takes. `build-weights.ts` makes it. */
import type { FloatType } from '../../protocol/cluster.ts'
import type { WeightRef } from '../arch/layer-builder.ts'
import type { TensorIndex, TensorLocation } from '../model/safetensors.ts'
import type { BlockForm } from './block-form.ts'
import { ELEMENT_BYTES, elementCount, type ElementType } from './onnx.ts'
import { locationsOf } from './weight-source.ts'

export type PlannedTensor = { readonly name: string; readonly type: ElementType; readonly dims: readonly number[] }

/** The rows of `sources`, concatenated in order. */
type Rows = { readonly sources: readonly WeightRef[]; readonly tensors: readonly PlannedTensor[]; readonly floatType: FloatType }

/** One recipe; `tensors` are the initializers it yields. */
export type WeightPlan =
  /** `vector`: as it is. `transposed`: [in, out]. `int8-columns`: values [in, out] and scales [out]. */
  | (Rows & { readonly recipe: 'vector' | 'transposed' | 'int8-columns' })
  /** [out, in], zeros behind each row where it is held wider. */
  | (Rows & { readonly recipe: 'rows' })
  /** Integers and scales of MatMulNBits. */
  | (Rows & { readonly recipe: 'blocks'; readonly form: BlockForm })
  /** cos and sin, [positions, pairs]; a pair of null does not turn. */
  | {
      readonly recipe: 'rope'
      readonly inverseFrequencies: readonly (number | null)[]
      readonly magnitude: number
      readonly tensors: readonly PlannedTensor[]
      readonly floatType: FloatType
    }

export const tensorBytes = ({ dims, type }: PlannedTensor): number => elementCount(dims) * ELEMENT_BYTES[type]
export const plannedBytes = (plan: WeightPlan): number => plan.tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0)

export const sourcesOf = (plan: WeightPlan): readonly WeightRef[] => (plan.recipe === 'rope' ? [] : plan.sources)

/** Parts of stored tensors that the plans are made of, by key. */
export const storedParts = (plans: readonly WeightPlan[], tensors: TensorIndex): ReadonlyMap<string, TensorLocation> =>
  new Map(plans.flatMap(sourcesOf).flatMap((ref) => locationsOf(ref, tensors)))
export const partBytes = (parts: ReadonlyMap<string, TensorLocation>): number =>
  [...parts.values()].reduce((sum, { start, end }) => sum + end - start, 0)
