/** Gives a program's buffers their places and writes it as the words that the kernels run. */
import { EACH, END, SAME_STRETCH, SAME_STRETCH_ALONE, OWN_X } from '../../kernels/opcodes.ts'
import { OPERATIONS } from '../../kernels/operations.ts'
import { aligned } from './held-matrix.ts'
import type { Buffer, Instruction, Operand, Program } from './program.ts'
import { doneByEach, stretchesOf } from './stretches.ts'

type Life = { first: number; last: number }

/** From the first stretch that writes or reads a buffer to the last: what a pass is given lives from its start, what it leaves to its end. */
function lives({ instructions, rotations, input, output, results }: Program, stretch: readonly number[]): ReadonlyMap<Buffer, Life> {
  const found = new Map<Buffer, Life>()
  const touch = (buffer: Buffer, when: number): void => {
    const life = found.get(buffer)
    if (!life) found.set(buffer, { first: when, last: when })
    else [life.first, life.last] = [Math.min(life.first, when), Math.max(life.last, when)]
  }
  for (const [i, { words }] of instructions.entries()) {
    for (const word of Object.values(words)) if (typeof word === 'object' && 'buffer' in word) touch(word.buffer, stretch[i] ?? 0)
  }
  for (const buffer of [input.buffer, ...rotations.flatMap(({ cos, sin }) => [cos, sin])]) touch(buffer, -1)
  for (const buffer of [output.buffer, ...results]) touch(buffer, Infinity)
  return found
}

export type Placed = { readonly addresses: ReadonlyMap<Buffer, number>; readonly bytes: number }
type Size = { readonly rows: number; readonly parts: number }

const bytesOf = (buffer: Buffer, { rows, parts }: Size): number => aligned(buffer.rowBytes * rows + buffer.partBytes * parts)

/** Buffers that have a row for each thread in a pass of one row. */
const ownBuffers = (program: Program): ReadonlySet<object> => new Set([...doneByEach(program)].flatMap(({ writes }) => writes))

/** First fit: each buffer at the lowest place that no living one covers. Offsets are from the start of the scratch. */
export function placeBuffers(program: Program, size: Size): Placed {
  const alive: { readonly start: number; readonly end: number; readonly life: Life }[] = []
  const addresses = new Map<Buffer, number>()
  let most = 0
  const own = ownBuffers(program)
  // The fewest meetings: what lives apart in them lives apart in every pass.
  const byBirth = [...lives(program, stretchesOf(program).alone)].sort(([, a], [, b]) => a.first - b.first)
  for (const [buffer, life] of byBirth) {
    const length = bytesOf(buffer, own.has(buffer) ? { ...size, rows: Math.max(size.rows, size.parts) } : size)
    const taken = alive.filter((one) => one.life.last >= life.first && one.life.first <= life.last).sort((a, b) => a.start - b.start)
    let start = 0
    for (const one of taken) if (one.start < start + length && one.end > start) start = one.end
    alive.push({ start, end: start + length, life })
    addresses.set(buffer, start)
    most = Math.max(most, start + length)
  }
  return { addresses, bytes: most }
}

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)
function floatBits(value: number): number {
  float[0] = value
  return bits[0] ?? 0
}

const wordsOf = (instructions: readonly Instruction[]): number =>
  instructions.reduce((sum, { operation }) => sum + 2 + Object.keys(OPERATIONS[operation].words).length, 0)

/** Words of a whole program, its end included. */
export const codeWords = ({ instructions }: Program): number => wordsOf(instructions) + 1

/** Words before the first instruction of an operation: from there on the rest of the program may be run by itself. */
export const wordsBefore = ({ instructions }: Program, operation: Instruction['operation']): number =>
  wordsOf(
    instructions.slice(
      0,
      instructions.findIndex((instruction) => instruction.operation === operation),
    ),
  )

export type Addresses = {
  readonly buffer: (buffer: Buffer) => number
  /** Of weight `index`. */
  readonly weight: (index: number) => number
}

function flagsOf(program: Program): readonly number[] {
  const { rows, alone } = stretchesOf(program)
  const [each, own] = [doneByEach(program), ownBuffers(program)]
  return program.instructions.map((instruction, i) => {
    const stretch = (rows[i + 1] === rows[i] ? SAME_STRETCH : 0) | (alone[i + 1] === alone[i] ? SAME_STRETCH_ALONE : 0)
    return stretch | (each.has(instruction) ? EACH : 0) | (instruction.reads.some((one) => own.has(one)) ? OWN_X : 0)
  })
}

/** The program as the kernels read it. */
export function encode(program: Program, addresses: Addresses): Uint32Array {
  const resolve = (operand: Operand): number => {
    if (operand === 'fixed-states') return program.cache.fixedBytes
    if (typeof operand === 'number') return operand
    return 'buffer' in operand ? addresses.buffer(operand.buffer) + operand.offset : addresses.weight(operand.weight) + operand.offset
  }
  const flags = flagsOf(program)
  const words: number[] = []
  for (const [i, { operation, words: operands }] of program.instructions.entries()) {
    const types = Object.entries(OPERATIONS[operation].words)
    words.push(OPERATIONS[operation].code | (flags[i] ?? 0), 4 * (2 + types.length))
    for (const [name, type] of types) {
      const operand = operands[name]
      if (operand === undefined) throw new Error(`${operation} without ${name}`)
      const value = resolve(operand)
      words.push(type === 'float' ? floatBits(value) : value >>> 0)
    }
  }
  words.push(END)
  return Uint32Array.from(words)
}
