/**
 * How the dimensions of a head lie in GroupQueryAttention, which rotates halves in multiples of 8 pairs and takes heads in multiples
 * of 8 dimensions, 16 with rotation. Scores are sums over dimensions, so that q and k may be reordered alike and padded with zeros.
 */
import type { Projection, RopeSpec, WeightRef } from '../arch/layer-builder.ts'

export type HeadLayout = {
  /** Which dimension of the checkpoint's head lies in each slot; -1 is zero. */
  readonly slots: readonly number[]
  /** Slots (i, i + pairs) that the kernel rotates together; those beyond the rotation's own pairs do not turn. */
  readonly pairs: number
}

const upTo = (value: number, multiple: number): number => multiple * Math.ceil(value / multiple)
const range = (start: number, end: number): number[] => Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i)

/** @param rotatedFrom first dimension that rotates @param least slots that something else needs */
export function headLayout(
  headDim: number,
  rope: RopeSpec | null,
  { rotatedFrom = 0, least = 0 }: { readonly rotatedFrom?: number; readonly least?: number } = {},
): HeadLayout {
  const pairs = rope?.inverseFrequencies.length ?? 0
  const pairOf = (i: number): readonly [number, number] => (rope?.interleaved ? [2 * i, 2 * i + 1] : [i, i + pairs])
  const rotated = range(0, pairs).map((i) => pairOf(i).map((dim) => dim + rotatedFrom))
  const turning = new Set(rotated.flat())
  const rest = range(0, headDim).filter((dim) => !turning.has(dim))
  const half = upTo(pairs, 8)
  const width = upTo(Math.max(headDim, 2 * half, least), rope ? 16 : 8)
  const take = (): number => rest.shift() ?? -1
  const slots = range(0, width).map((slot) => {
    const pair = slot < half ? slot : slot - half
    return slot < 2 * half && pair < pairs ? (rotated[pair]?.[slot < half ? 0 : 1] ?? -1) : take()
  })
  return { slots, pairs: half }
}

/** Slots of a value: its dimensions, then zeros. */
export const paddedSlots = (dims: number, width: number): readonly number[] => range(0, width).map((slot) => (slot < dims ? slot : -1))

export const isIdentity = (slots: readonly number[], stride: number): boolean => slots.length === stride && slots.every((dim, slot) => dim === slot)

/** Rows of `heads` heads, `stride` stored dimensions each, in the order of their slots. */
export function orderHeads(ref: WeightRef, slots: readonly number[], heads: number, stride: number): WeightRef {
  if (isIdentity(slots, stride)) return ref
  return { ...ref, order: range(0, heads).flatMap((head) => slots.map((dim) => (dim < 0 ? -1 : head * stride + dim))) }
}

export const orderProjection = ({ weight, bias }: Projection, slots: readonly number[], heads: number, stride: number): Projection => ({
  weight: orderHeads(weight, slots, heads, stride),
  ...(bias ? { bias: orderHeads(bias, slots, heads, stride) } : {}),
})
