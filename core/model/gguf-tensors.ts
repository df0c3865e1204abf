/** GGUF's tensors under the names that a Hugging Face checkpoint gives them. */
import { ClusterError } from '../../protocol/errors.ts'
import { BLOCK_LAYOUTS, isBlockType } from '../quant/gguf-blocks.ts'
import { storedBytes, type StoredType } from '../quant/stored.ts'
import type { GgufHeader, GgufTensor } from './gguf.ts'
import { ggufFamilyOf, hubName } from './gguf-families.ts'
import type { TensorIndex, TensorLocation } from './safetensors.ts'

const PLAIN_TYPES: Readonly<Record<number, StoredType>> = { 0: 'f32', 1: 'f16', 30: 'bf16' }
const TYPES: ReadonlyMap<number, StoredType> = new Map([
  ...Object.entries(PLAIN_TYPES).map(([number, type]) => [Number(number), type] as const),
  ...Object.keys(BLOCK_LAYOUTS)
    .filter(isBlockType)
    .map((type) => [BLOCK_LAYOUTS[type].ggmlType, type] as const),
])

/** What divides the frequencies of the rotation, read with the header: of every pass, or of one that reaches far and one that does not. */
export const ROPE_DIVISORS = { all: 'rope_freqs.weight', long: 'rope_factors_long.weight', short: 'rope_factors_short.weight' } as const
const ROPE_TENSORS: ReadonlySet<string> = new Set(Object.values(ROPE_DIVISORS))

function locate(file: string, name: string, { ggmlType, shape, start }: GgufTensor): TensorLocation {
  const type = TYPES.get(ggmlType)
  if (!type) throw new ClusterError('unsupported_model', `tensor ${name} of ${file} is of ggml type ${ggmlType}, which is not read`)
  const row = shape.at(-1) ?? 1
  if (isBlockType(type) && row % BLOCK_LAYOUTS[type].elements !== 0)
    throw new ClusterError('bad_checkpoint', `tensor ${name} of ${file} has rows of ${row}, not whole blocks of ${type}`)
  const elements = shape.reduce((product, n) => product * n, 1)
  return { file, type, shape, start, end: start + storedBytes(type, elements) }
}

/** Items of a stack, by the hub's name of each. */
function items(hub: string, whole: TensorLocation): readonly (readonly [string, TensorLocation])[] {
  const [count = 0, ...shape] = whole.shape
  const bytes = (whole.end - whole.start) / count
  return Array.from({ length: count }, (_, item) => {
    const start = whole.start + item * bytes
    return [hub.replace('*', String(item)), { ...whole, shape, start, end: start + bytes }]
  })
}

/** The shape that the hub gives a tensor: the converter drops the one input of a depthwise convolution. */
const shapeOf = (hub: string, shape: readonly number[]): readonly number[] =>
  hub.endsWith('conv.conv.weight') && shape.length === 2 ? [shape[0] ?? 0, 1, shape[1] ?? 0] : shape

/**
 * Every tensor but those of the rotation.
 * @param headDim of the model's configuration
 * @throws {ClusterError} bad_checkpoint; unsupported_model for a tensor that would be left out, or whose element type is not read
 */
export function ggufTensorIndex(file: string, header: GgufHeader, headDim: number): TensorIndex {
  const family = ggufFamilyOf(header)
  const index = new Map<string, TensorLocation>()
  for (const [name, tensor] of header.tensors) {
    if (ROPE_TENSORS.has(name)) continue
    const hub = hubName(family, name)
    if (!hub)
      throw new ClusterError('unsupported_model', `tensor ${name} of ${file} is not one that architecture ${family.architecture} is known to have`)
    const location: TensorLocation = {
      ...locate(file, name, tensor),
      ...(family.pairsRows && /attn_[qk]\./.test(name) ? { pairedRows: headDim } : {}),
      ...(family.raisesNorms && name.endsWith('norm.weight') ? { plus: 1 } : {}),
    }
    if (hub.includes('*')) for (const [item, part] of items(hub, location)) index.set(item, part)
    else index.set(hub, { ...location, shape: shapeOf(hub, location.shape) })
  }
  return index
}

/** Null where the file has none of that name. @throws {ClusterError} bad_checkpoint, unsupported_model */
export function ropeTensorOf(file: string, header: GgufHeader, name: string): TensorLocation | null {
  const tensor = header.tensors.get(name)
  return tensor ? locate(file, name, tensor) : null
}
