/** Attention as kernel calls: projections, norms of heads, rotation, keys and values into the cache, the scores. */
import type { AttentionSpec, HeadNormSpec, LatentAttentionSpec, RopeSpec, WeightRef } from '../arch/layer-builder.ts'
import { rowsOf } from '../graph/weight-source.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { HELD_F32, HELD_INT16, KEEP_KEYS, KEEP_VALUES, NORM_LAYER, NORM_RMS } from '../../kernels/opcodes.ts'
import { linear, vector, type Emitter } from './products.ts'
import { at, capacityFor, start, strideOf, type Operand, type Value } from './program.ts'

type NormShape = { readonly segments: number; readonly width: number; readonly weightStep: number }

/** Norm of each of a row's segments. */
export function norm(
  { program }: Emitter,
  x: Value,
  kind: HeadNormSpec['kind'],
  weight: Operand,
  bias: Operand,
  epsilon: number,
  shape: NormShape = { segments: 1, width: x.width, weightStep: 0 },
): Value {
  const y = program.value(x.width)
  const code = kind === 'rms' ? NORM_RMS : NORM_LAYER
  program.emit(
    'norm',
    { ...shape, x: at(x), xStride: strideOf(x.width), weight, bias, epsilon, kind: code, y: at(y), yStride: strideOf(x.width) },
    { reads: [x.buffer], writes: [y.buffer] },
  )
  return y
}

function normHeads(e: Emitter, x: Value, { kind, over, epsilon }: HeadNormSpec, weights: readonly WeightRef[], headDim: number): Value {
  const weight = vector(e, weights)
  if (over === 'all') return norm(e, x, kind, weight, 0, epsilon)
  const isShared = weights.reduce((sum, ref) => sum + rowsOf(ref), 0) === headDim
  return norm(e, x, kind, weight, 0, epsilon, { segments: x.width / headDim, width: headDim, weightStep: isShared ? 0 : headDim * 4 })
}

/** Turns `heads` heads of x in place. @param from first dimension that rotates */
function rotate({ program, contextLength }: Emitter, x: Value, rope: RopeSpec, heads: number, headWidth: number, from: number, column = 0): void {
  const { until = Infinity } = rope
  if (contextLength > until)
    throw new ClusterError('unsupported_backend', `a context of ${contextLength} tokens is not supported where the rotation changes behind ${until}`)
  const { cos, sin } = program.rotation(rope)
  program.emit(
    'rotate',
    {
      x: at(x, column),
      xStride: strideOf(x.width),
      heads,
      headWidth,
      from,
      pairs: rope.inverseFrequencies.length,
      interleaved: rope.interleaved ? 1 : 0,
      cos: start(cos),
      sin: start(sin),
    },
    { reads: [x.buffer, cos, sin], writes: [x.buffer] },
  )
}

type Kept = {
  readonly x: Value
  /** First column of x. */
  readonly from: number
  /** Columns from one head to the next; 0 where all heads share one vector. */
  readonly headColumns: number
  readonly heads: number
  readonly width: number
  readonly cacheWidth: number
  readonly column: number
  readonly offset: number
  readonly kind: typeof KEEP_KEYS | typeof KEEP_VALUES
  readonly held: number
}

/** Rounding integer weights costs more than rounding keys and values to 12 bits does; where weights are floats, so is the cache. */
const cacheHeld = ({ weightFormat }: Emitter): number => (weightFormat === 'int8' || weightFormat === 'int4' ? HELD_INT16 : HELD_F32)

const upTo = (multiple: number, count: number): number => multiple * Math.ceil(count / multiple)

type Dims = { readonly keyDim: number; readonly valueDim: number; readonly keyOffset: number; readonly valueOffset: number; readonly held: number }

/** Places in a cache for the keys and values of so many heads (`cache-layout.ts`). */
function cacheFor(e: Emitter, heads: number, keyDim: number, valueDim: number, held: number): Dims {
  const isInteger = held === HELD_INT16
  const keyBytes = isInteger ? upTo(2, keyDim) * 2 + 4 : keyDim * 4
  const valueBytes = isInteger ? upTo(8, valueDim) * 2 + 4 : upTo(8, valueDim) * 4
  return { keyDim, valueDim, keyOffset: e.program.tokenState(heads * keyBytes), valueOffset: e.program.tokenState(heads * valueBytes), held }
}

function store(e: Emitter, { x, from, headColumns, offset, ...kept }: Kept, cache: object): void {
  e.program.emit(
    'store',
    { ...kept, x: at(x, from), xStride: strideOf(x.width), headStride: headColumns * 4, fixed: 'fixed-states', offset },
    { reads: [x.buffer], writes: [cache] },
  )
}

type Scores = Pick<AttentionSpec, 'numHeads' | 'numKvHeads' | 'scale' | 'window' | 'softcap' | 'sinks'>

function attend(e: Emitter, q: Value, spec: Scores, dims: Dims, caches: readonly object[]): Value {
  const { program } = e
  const { numHeads, numKvHeads, scale, window, softcap = 0, sinks } = spec
  if (numHeads % numKvHeads !== 0) throw new ClusterError('unsupported_backend', `${numHeads} heads over ${numKvHeads} key heads cannot be computed`)
  const y = program.value(numHeads * dims.valueDim)
  const scoresStride = strideOf(capacityFor(e.contextLength))
  // Four rows of scores, four queries, four rows of scales of weights, sums and factors.
  const scoresPart = 4 * scoresStride + 16 * (dims.keyDim + 1) + 4 * (scoresStride / 32 + 16) + 16 * upTo(8, dims.valueDim) + 16
  const scores = program.buffer(0, scoresPart)
  program.emit(
    'attend',
    {
      ...dims,
      q: at(q),
      qStride: strideOf(q.width),
      heads: numHeads,
      kvHeads: numKvHeads,
      scale,
      softcap,
      window: window ?? 0,
      sinks: sinks ? vector(e, [sinks]) : 0,
      fixed: 'fixed-states',
      y: at(y),
      yStride: strideOf(y.width),
      scores: start(scores),
      scoresStride,
      scoresPart,
    },
    { reads: [q.buffer, ...caches], writes: [y.buffer, scores] },
  )
  return y
}

/** x ─ q, k, v ─ [norms] ─ [rotation] ─ keys and values into the cache ─ scores over it */
export function attention(e: Emitter, x: Value, spec: AttentionSpec): Value {
  const { numHeads, numKvHeads, headDim, headNorm, rope } = spec
  const projected = { q: linear(e, x, spec.q), k: linear(e, x, spec.k), v: linear(e, x, spec.v) }
  const q = headNorm ? normHeads(e, projected.q, headNorm, headNorm.q, headDim) : projected.q
  const k = headNorm ? normHeads(e, projected.k, headNorm, headNorm.k, headDim) : projected.k
  if (rope) {
    rotate(e, q, rope, numHeads, headDim, 0)
    rotate(e, k, rope, numKvHeads, headDim, 0)
  }
  const dims = cacheFor(e, numKvHeads, headDim, headDim, cacheHeld(e))
  const [keys, values] = [{}, {}]
  const kept = { held: dims.held, from: 0, headColumns: headDim, heads: numKvHeads, width: headDim, cacheWidth: headDim, column: 0 }
  store(e, { ...kept, x: k, offset: dims.keyOffset, kind: KEEP_KEYS }, keys)
  store(e, { ...kept, x: projected.v, offset: dims.valueOffset, kind: KEEP_VALUES }, values)
  return attend(e, q, spec, dims, [keys, values])
}

/** Keys: a head's own part, then the rotated part that all heads share. Their places in the cache. */
function keepLatent(
  e: Emitter,
  unpacked: Value,
  down: Value,
  spec: LatentAttentionSpec,
): { readonly dims: Dims; readonly caches: readonly object[] } {
  const { numHeads, plainDim, rotatedDim, valueDim, keyRank } = spec
  const keyDim = plainDim + rotatedDim
  // A key comes in two parts, which would need one scale.
  const dims = cacheFor(e, numHeads, keyDim, valueDim, HELD_F32)
  const { keyOffset, valueOffset, held } = dims
  const [own, shared, values] = [{}, {}, {}]
  const heads = { x: unpacked, held, headColumns: plainDim + valueDim, heads: numHeads }
  store(e, { ...heads, from: 0, width: plainDim, cacheWidth: keyDim, column: 0, offset: keyOffset, kind: KEEP_KEYS }, own)
  const rotated = { x: down, held, from: keyRank, headColumns: 0, heads: numHeads, width: rotatedDim }
  store(e, { ...rotated, cacheWidth: keyDim, column: plainDim, offset: keyOffset, kind: KEEP_KEYS }, shared)
  store(e, { ...heads, from: plainDim, width: valueDim, cacheWidth: valueDim, column: 0, offset: valueOffset, kind: KEEP_VALUES }, values)
  return { dims, caches: [own, shared, values] }
}

/**
 *   x ─┬─ [down ─ norm ─] q ─ rotation ───────────── query
 *      └─ kvDown ─┬─ norm ─ kvUp ─ own keys, values ─ cache
 *                 └─ rotation ─ shared part of keys ─ cache
 */
export function latentAttention(e: Emitter, x: Value, spec: LatentAttentionSpec): Value {
  const { numHeads, plainDim, rotatedDim, keyRank, epsilon, rope } = spec
  const narrow = spec.down ? norm(e, linear(e, x, spec.down.projection), 'rms', vector(e, [spec.down.norm]), 0, epsilon) : x
  const q = linear(e, narrow, spec.q)
  rotate(e, q, rope, numHeads, plainDim + rotatedDim, plainDim)
  const down = linear(e, x, spec.kvDown)
  const latent = latentOf(e, down, keyRank, vector(e, [spec.kvNorm]), epsilon)
  rotate(e, down, rope, 1, rotatedDim, 0, keyRank)
  const { dims, caches } = keepLatent(e, linear(e, latent, { weight: spec.kvUp }), down, spec)
  return attend(e, q, { ...spec, numKvHeads: numHeads }, dims, caches)
}

/** RMS norm of the first `keyRank` columns. */
function latentOf({ program }: Emitter, down: Value, keyRank: number, weight: Operand, epsilon: number): Value {
  const y = program.value(keyRank)
  const shape = { segments: 1, width: keyRank, weightStep: 0, weight, bias: 0, epsilon, kind: NORM_RMS }
  program.emit(
    'norm',
    { ...shape, x: at(down), xStride: strideOf(down.width), y: at(y), yStride: strideOf(keyRank) },
    { reads: [down.buffer], writes: [y.buffer] },
  )
  return y
}
