/** Every block type of GGUF that is read, by name. */
import type { BlockLayout } from './gguf-block.ts'
import { CODEBOOK_BLOCKS } from './gguf-codebook.ts'
import { K_BLOCKS } from './gguf-k.ts'
import { PLAIN_BLOCKS } from './gguf-plain.ts'
import type { IntegerRows } from './integer-blocks.ts'

const BLOCKS = { ...PLAIN_BLOCKS, ...K_BLOCKS, ...CODEBOOK_BLOCKS }
export type BlockType = keyof typeof BLOCKS
export const BLOCK_LAYOUTS: Readonly<Record<BlockType, BlockLayout>> = BLOCKS

export const isBlockType = (type: string): type is BlockType => Object.hasOwn(BLOCK_LAYOUTS, type)

/**
 * @param bytes whole blocks, row-major: a row is a whole number of them
 * @param space gives memory for the result, of so many elements
 */
export function dequantizeBlocks(
  bytes: Uint8Array,
  type: BlockType,
  space: (length: number) => Float32Array = (length) => new Float32Array(length),
): Float32Array {
  const layout = BLOCK_LAYOUTS[type]
  const blocks = bytes.length / layout.bytes
  if (!Number.isInteger(blocks)) throw new Error(`${bytes.length} bytes are not whole blocks of ${type}`)
  const out = space(blocks * layout.elements)
  for (let block = 0; block < blocks; block++) layout.decode(bytes, block * layout.bytes, out, block * layout.elements)
  return out
}

/**
 * Integers and scales of whole blocks, from `integers[to]` and from the scale of that element on.
 * @param type one that is integers times scales, or nibbles with minima
 */
export function splitBlocks(bytes: Uint8Array, type: BlockType, rows: IntegerRows, to: number): void {
  const { elements, bytes: blockBytes, integers, minima } = BLOCK_LAYOUTS[type]
  const form = integers ?? minima
  if (!form) throw new Error(`${type} has other elements`)
  for (let at = 0, element = to; at < bytes.length; at += blockBytes, element += elements)
    form.split(bytes, at, rows.integers, element, rows.scales, element / form.group)
}
