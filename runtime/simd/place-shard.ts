/** Gives a shard's frame, weights, code and scratch their addresses. */
import { FRAME_ROW_TABLE, ROW_BYTES } from '../../kernels/opcodes.ts'
import { HEAD_ROWS } from '../../core/simd/held-bytes.ts'
import { aligned, heldBytesOf, type HeldWeight } from '../../core/simd/held-matrix.ts'
import { codeWords, encode, placeBuffers, wordsBefore } from '../../core/simd/place.ts'
import { weightBytes, type Buffer, type Program } from '../../core/simd/program.ts'
import type { HeadProgram } from '../../core/simd/shard-program.ts'
import type { PlacedWeight } from './put-weights.ts'
import type { SimdKernels } from './simd-kernels.ts'
import { createSimdMemory, type SimdMemory } from './simd-memory.ts'

export type PlacedProgram = {
  readonly program: Program
  /** Rows of one pass at most. */
  readonly maxRows: number
  readonly code: number
  readonly input: number
  readonly output: number
  readonly addressOf: (buffer: Buffer) => number
}
export type PlacedHead = PlacedProgram & {
  /** Where the part of the code begins that makes the shortlist of the frame's last row out of logits that are there. */
  readonly shortlistCode: number
  readonly shortlist: number
  readonly shortlistSize: number
}
export type PlacedShard = {
  readonly memory: SimdMemory
  readonly frame: number
  readonly weights: readonly PlacedWeight[]
  readonly body: PlacedProgram
  readonly head: PlacedHead | null
}

/** Rows of a pass: enough that weights are read seldom, few enough that activations stay in cache. */
const BODY_ROWS = 128
/** Between neighbouring places, for their alignment. */
const SLACK_BYTES = 4096

type Sized = { readonly program: Program; readonly maxRows: number; readonly placed: ReturnType<typeof placeBuffers> }

function placeProgram(
  memory: SimdMemory,
  { program, maxRows, placed }: Sized,
): { readonly program: PlacedProgram; readonly weights: readonly PlacedWeight[] } {
  const weights = program.weights.map((weight) => ({ weight, address: memory.reserve(heldBytesOf(weight)) }))
  const scratch = memory.reserve(placed.bytes)
  const addressOf = (buffer: Buffer): number => scratch + (placed.addresses.get(buffer) ?? 0)
  const words = encode(program, { buffer: addressOf, weight: (index) => weights[index]?.address ?? 0 })
  const code = memory.reserve(words.length * 4)
  memory.words().set(words, code / 4)
  const { input, output } = program
  return { weights, program: { program, maxRows, code, addressOf, input: addressOf(input.buffer), output: addressOf(output.buffer) } }
}

const placeHead = ({ program, shortlist, shortlistSize }: HeadProgram, placed: PlacedProgram): PlacedHead => ({
  ...placed,
  shortlistCode: placed.code + 4 * wordsBefore(program, 'shortlist'),
  shortlist: placed.addressOf(shortlist),
  shortlistSize,
})

export type PlaceOptions = Pick<SimdKernels, 'threads' | 'maxBytes'>
/** `beside`: weights that no program reads. */
export type ShardPrograms = { readonly body: Program; readonly head: HeadProgram | null; readonly beside: readonly HeldWeight[] }

/** @throws {ClusterError} not_enough_memory */
export function placeShard({ body, head, beside }: ShardPrograms, contextLength: number, { threads: parts, maxBytes }: PlaceOptions): PlacedShard {
  const bodyRows = Math.min(BODY_ROWS, contextLength)
  const size = (program: Program, maxRows: number): Sized => ({ program, maxRows, placed: placeBuffers(program, { rows: maxRows, parts }) })
  const programs = [size(body, bodyRows), ...(head ? [size(head.program, HEAD_ROWS)] : [])]
  const places = programs.reduce((sum, one) => sum + one.program.weights.length, beside.length)
  const besideBytes = beside.reduce((sum, weight) => sum + heldBytesOf(weight), 0)
  const bytes = programs.reduce((sum, one) => sum + weightBytes(one.program) + one.placed.bytes + codeWords(one.program) * 4, besideBytes)
  const frameBytes = aligned(FRAME_ROW_TABLE + Math.max(bodyRows, HEAD_ROWS) * ROW_BYTES)
  const memory = createSimdMemory({ expectedBytes: bytes + frameBytes + SLACK_BYTES + 64 * places, maxBytes, isShared: parts > 1 })
  const frame = memory.reserve(frameBytes)
  const [first, last] = programs.map((one) => placeProgram(memory, one))
  if (!first) throw new Error('a shard without a program')
  const placedBeside = beside.map((weight) => ({ weight, address: memory.reserve(heldBytesOf(weight)) }))
  const placedHead = head && last ? placeHead(head, last.program) : null
  const weights = [...first.weights, ...(last && head ? last.weights : []), ...placedBeside]
  return { memory, frame, weights, body: first.program, head: placedHead }
}
