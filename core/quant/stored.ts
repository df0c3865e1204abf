/** Tensor bytes as a checkpoint stores them, decoded. Little-endian throughout, as safetensors is and every engine's typed arrays are. */
import { bf16ToF32Array, f16ToF32Array } from './float16.ts'
import { BLOCK_LAYOUTS, dequantizeBlocks, isBlockType, type BlockType } from './gguf-blocks.ts'

export type StoredType = 'f32' | 'f16' | 'bf16' | 'u8' | BlockType
const ELEMENT_BYTES = { f32: 4, f16: 2, bf16: 2, u8: 1 } as const

/** @param elements whole blocks of a type that has them */
export const storedBytes = (type: StoredType, elements: number): number =>
  isBlockType(type) ? (elements / BLOCK_LAYOUTS[type].elements) * BLOCK_LAYOUTS[type].bytes : elements * ELEMENT_BYTES[type]

/** A copy only where the view is not aligned for its element. */
function aligned(bytes: Uint8Array, elementBytes: number): Uint8Array {
  return bytes.byteOffset % elementBytes === 0 ? bytes : bytes.slice()
}

export function asFloat32(bytes: Uint8Array): Float32Array {
  const view = aligned(bytes, 4)
  return new Float32Array(view.buffer, view.byteOffset, view.byteLength >> 2)
}

export function asUint16(bytes: Uint8Array): Uint16Array {
  const view = aligned(bytes, 2)
  return new Uint16Array(view.buffer, view.byteOffset, view.byteLength >> 1)
}

export const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/**
 * Stored elements as float32, exactly. For f32 the result may share the input's memory.
 * @param space gives memory for the result where it does not, of so many elements
 */
export function decodeStored(
  bytes: Uint8Array,
  type: StoredType,
  space: (length: number) => Float32Array = (length) => new Float32Array(length),
): Float32Array {
  if (isBlockType(type)) return dequantizeBlocks(bytes, type, space)
  switch (type) {
    case 'f32':
      return asFloat32(bytes)
    case 'f16':
      return f16ToF32Array(asUint16(bytes), space(bytes.length >> 1))
    case 'bf16':
      return bf16ToF32Array(asUint16(bytes), space(bytes.length >> 1))
    case 'u8':
      return Float32Array.from(bytes)
  }
}
