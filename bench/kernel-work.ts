/** What an instruction has to do: bytes that it cannot but read, and multiply-adds. */
import { OPERATIONS, type OperationName } from '../kernels/operations.ts'
import {
  HELD_BF16,
  HELD_F16,
  HELD_F32,
  HELD_INT16,
  HELD_INT4_BLOCK,
  HELD_INT4_MINIMA,
  HELD_INT8_BLOCK,
  HELD_INT8_BLOCK16,
  HELD_INT8_ROW,
} from '../kernels/opcodes.ts'
import { heldBytesOf, scalesAt, type HeldWeight } from '../core/simd/held-matrix.ts'

export type Work = { readonly title: string; readonly bytes: number; readonly products: number; readonly isFloat: boolean }

const HELD_NAMES: Readonly<Record<number, string>> = {
  [HELD_F32]: 'f32',
  [HELD_F16]: 'f16',
  [HELD_BF16]: 'bf16',
  [HELD_INT8_ROW]: 'int8 rows',
  [HELD_INT8_BLOCK]: 'int8 blocks',
  [HELD_INT8_BLOCK16]: 'int8 blocks of 16',
  [HELD_INT4_BLOCK]: 'int4',
  [HELD_INT4_MINIMA]: 'int4 with minima',
}
/** Bits of a weight, its part of the scale included. */
const BITS: Readonly<Record<string, number>> = {
  f32: 32,
  f16: 16,
  bf16: 16,
  'int8 rows': 8,
  'int8 blocks': 9,
  'int8 blocks of 16': 10,
  int4: 5,
  'int4 with minima': 6,
}

type Instruction = { readonly name: OperationName; readonly words: Readonly<Record<string, number>> }

/** Of an instruction as the kernels read it. @param at index of its first word */
export function instructionAt(words: Uint32Array, at: number): Instruction {
  const code = (words[at] ?? 0) & 255
  const found = Object.entries(OPERATIONS).find(([, operation]) => operation.code === code)
  if (!found) throw new Error(`there is no operation ${code}`)
  const [name, operation] = found
  const named = Object.keys(operation.words).map((word, i) => [word, words[at + 2 + i] ?? 0] as const)
  return { name: name as OperationName, words: Object.fromEntries(named) }
}

export function workOf({ name, words }: Instruction, position: number, rows: number): Work {
  const { held = 0, n = 0, k = 0, heads = 0, kvHeads = 0, keyDim = 0, valueDim = 0, window = 0 } = words
  if (name === 'product') {
    const form = HELD_NAMES[held] ?? ''
    return { title: `product ${form}, ${n} × ${k}`, bytes: (n * k * (BITS[form] ?? 0)) / 8, products: n * k * rows, isFloat: held <= HELD_BF16 }
  }
  if (name !== 'attend') return { title: name, bytes: 0, products: 0, isFloat: true }
  const reach = window > 0 ? Math.min(window, position + rows) : position + rows
  const width = keyDim + valueDim
  return {
    title: window > 0 ? `attend, window ${window}` : 'attend',
    bytes: (held === HELD_INT16 ? 2 : 4) * kvHeads * reach * width,
    products: heads * reach * width * rows,
    isFloat: held !== HELD_INT16,
  }
}

/** Weights that mean nothing but are of a sane size. @param place the bytes of the whole weight */
export function fillWeight(place: Uint8Array, weight: HeldWeight): void {
  if (heldBytesOf(weight) > place.length) throw new Error('a weight without room')
  const { held } = weight
  const elements = place.subarray(0, scalesAt(weight))
  const random = new Uint8Array(65_521).map(() => 256 * Math.random())
  if (held === 'f32' || held === 'vector') return void new Float32Array(place.buffer, place.byteOffset, elements.length / 4).fill(0.01)
  for (let at = 0; at < elements.length; at += random.length) elements.set(random.subarray(0, Math.min(random.length, elements.length - at)), at)
  // The upper byte of a half or a bfloat16 of about 0.01.
  if (held === 'f16' || held === 'bf16') for (let i = 1; i < elements.length; i += 2) elements[i] = (elements[i] ?? 0) & 0x80 ? 0xb2 : 0x32
  else new Float32Array(place.buffer, place.byteOffset + scalesAt(weight)).subarray(0, (heldBytesOf(weight) - scalesAt(weight)) / 4).fill(1e-4)
}
