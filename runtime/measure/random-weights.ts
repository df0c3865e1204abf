/** Weights that nobody trained, in the form that a backend holds them in: a layer's speed depends on their shape alone. */
import { buildWeights } from '../../core/graph/build-weights.ts'
import { externalPath, type ElementType } from '../../core/graph/onnx.ts'
import { tensorBytes, type PlannedTensor, type WeightPlan } from '../../core/graph/weight-plan.ts'
import { f32ToF16Array } from '../../core/quant/float16.ts'
import { asFloat32, asUint16, bytesOf } from '../../core/quant/stored.ts'
import { heldBytesOf, isInteger, isNibbles, scalesAt, type Held, type HeldWeight } from '../../core/simd/held-matrix.ts'
import type { BuildPart } from '../engines/external-data.ts'
import type { FillWeights } from '../simd/open-simd.ts'

/** Values before they repeat: a prime, so that no two rows of a matrix are alike. */
const PERIOD = 16_381
const ALIGNMENT = 16

/** Numbers in [-1, 1), the same on every device. */
function uniformValues(): Float32Array<ArrayBuffer> {
  let state = 1
  return Float32Array.from({ length: PERIOD }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

const UNIFORM = uniformValues()
const RANDOM_BYTES = Uint8Array.from(UNIFORM, (value) => Math.round(127 * value) & 255)

/** Fills `target` with `pattern` again and again. */
function repeat(target: Uint8Array, pattern: Uint8Array): void {
  for (let at = 0; at < target.length; at += pattern.length) target.set(pattern.subarray(0, target.length - at), at)
}

/** Largest weight of a row of `columns`: products then keep the size of their input. */
const largest = (columns: number): number => Math.sqrt(3 / Math.max(1, columns))

/** Norms and biases: near one. */
const nearOne = (): Float32Array<ArrayBuffer> => UNIFORM.map((value) => 1 + 0.1 * value)
const matrixValues = (columns: number): Float32Array<ArrayBuffer> => UNIFORM.map((value) => value * largest(columns))

function floatBytes(values: Float32Array, held: Held): Uint8Array {
  if (held === 'f16') return bytesOf(f32ToF16Array(values))
  if (held !== 'bf16') return bytesOf(values)
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  return bytesOf(Uint16Array.from(words, (word) => word >>> 16))
}

function fillPlace(place: Uint8Array, weight: HeldWeight): void {
  const { held, columns } = weight
  if (!isInteger(held)) return repeat(place, floatBytes(held === 'vector' ? nearOne() : matrixValues(columns), held))
  const scale = largest(columns) / (isNibbles(held) ? 8 : 127)
  repeat(place.subarray(0, scalesAt(weight)), RANDOM_BYTES)
  // Where there are minima, -1/8 of each is a scale as well: weights lie around zero.
  asFloat32(place.subarray(scalesAt(weight))).fill(scale)
}

/** Of a shard on our kernels. */
export const randomPlaces: FillWeights = ({ memory }, places) => {
  for (const { weight, address } of places) fillPlace(memory.bytes().subarray(address, address + heldBytesOf(weight)), weight)
  return Promise.resolve([])
}

function fillFloats(target: Uint8Array, type: ElementType, values: Float32Array): void {
  repeat(target, type === 'f16' ? bytesOf(f32ToF16Array(values)) : bytesOf(values))
}

/** Scales of integers: one value, in the tensor's own type. */
function fillScales(target: Uint8Array, type: ElementType, scale: number): void {
  if (type === 'f16') asUint16(target).set(f32ToF16Array(new Float32Array(target.length / 2).fill(scale)))
  else asFloat32(target).fill(scale)
}

function fillTensors(plan: Exclude<WeightPlan, { recipe: 'rope' }>, targets: readonly Uint8Array[]): void {
  const [first, second] = targets
  const [values, scales] = plan.tensors
  if (!first || !values) throw new Error('a plan without tensors')
  const [outer = 1, inner = 1] = values.dims
  const columns = plan.recipe === 'blocks' ? inner * plan.form.size : plan.recipe === 'rows' ? inner : outer
  if (!second || !scales) return fillFloats(first, values.type, plan.recipe === 'vector' ? nearOne() : matrixValues(columns))
  repeat(first, RANDOM_BYTES)
  fillScales(second, scales.type, largest(columns) / (plan.recipe === 'blocks' && plan.form.bits === 4 ? 8 : 127))
}

const NOTHING_STORED = (): never => {
  throw new Error('rotary tables are not stored')
}

/** Of a graph. */
export const randomGraph: BuildPart = (graph, space) => {
  let filled = 0
  const place = (tensor: PlannedTensor): Uint8Array => {
    const start = filled
    filled += ALIGNMENT * Math.ceil(tensorBytes(tensor) / ALIGNMENT)
    return space.weights.subarray(start, start + tensorBytes(tensor))
  }
  const externalData = graph.weights.flatMap((plan) => {
    const targets = plan.tensors.map(place)
    if (plan.recipe === 'rope') buildWeights(plan, NOTHING_STORED, targets, space.scratch)
    else fillTensors(plan, targets)
    return plan.tensors.map(({ name }, i) => ({ path: externalPath(name), data: targets[i] ?? new Uint8Array(0) }))
  })
  return Promise.resolve({ externalData, fidelity: [] })
}
