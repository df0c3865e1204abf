/** A shard as a list of kernel calls over buffers and weights that have no address yet. */
import type { RopeSpec } from '../arch/layer-builder.ts'
import type { OperationName, WordName } from '../../kernels/operations.ts'
import { aligned, heldBytesOf, type HeldWeight } from './held-matrix.ts'

/** Activations of a pass: `rowBytes` for each of its rows, `partBytes` for each thread. Buffers whose lives do not overlap share memory. */
export type Buffer = { readonly rowBytes: number; readonly partBytes: number }
/** [rows, width] in f32 at the start of a buffer's rows; `repeat` rows a token. */
export type Value = { readonly buffer: Buffer; readonly width: number; readonly repeat: number }

export type Operand =
  | number
  | { readonly buffer: Buffer; readonly offset: number }
  | { readonly weight: number; readonly offset: number }
  /** Bytes of all states of fixed size: where a cache's tokens begin. */
  | 'fixed-states'

export type Instruction = {
  readonly operation: OperationName
  readonly words: Readonly<Record<string, Operand>>
  readonly reads: readonly object[]
  readonly writes: readonly object[]
}

/** cos and sin of the pass's positions, [rows, pairs] each, written before it runs. */
export type Rotation = { readonly rope: RopeSpec; readonly cos: Buffer; readonly sin: Buffer }

export type Program = {
  readonly instructions: readonly Instruction[]
  readonly weights: readonly HeldWeight[]
  readonly rotations: readonly Rotation[]
  readonly input: Value
  readonly output: Value
  /** Other buffers that are read after the pass. */
  readonly results: readonly Buffer[]
  /** A sequence's cache: states of fixed size, then so many bytes for each token it may hold. */
  readonly cache: { readonly fixedBytes: number; readonly tokenBytes: number }
}

export type Emitted = { readonly reads: readonly object[]; readonly writes: readonly object[] }

export type ProgramBuilder = {
  readonly value: (width: number, repeat?: number) => Value
  readonly buffer: (rowBytes: number, partBytes?: number) => Buffer
  readonly weight: (weight: HeldWeight) => number
  readonly emit: <Name extends OperationName>(operation: Name, words: Record<WordName<Name>, Operand>, effects: Emitted) => void
  readonly rotation: (rope: RopeSpec) => Rotation
  /** Offset for each token of a cache; and of a state of fixed size. */
  readonly tokenState: (bytes: number) => number
  readonly fixedState: (bytes: number) => number
  readonly finish: (ends: { readonly input: Value; readonly output: Value; readonly results?: readonly Buffer[] }) => Program
}

/** Frequencies of a pass that reaches so many tokens. */
export const frequenciesFor = ({ long, inverseFrequencies }: RopeSpec, reach: number): readonly number[] =>
  long && reach > long.above ? long.inverseFrequencies : inverseFrequencies

/** Layers of one rotation share its tables; how pairs lie does not matter to them. */
const isSameRotation = (a: RopeSpec, b: RopeSpec): boolean =>
  a.magnitude === b.magnitude &&
  a.inverseFrequencies.join() === b.inverseFrequencies.join() &&
  a.long?.above === b.long?.above &&
  a.long?.inverseFrequencies.join() === b.long?.inverseFrequencies.join()

export const strideOf = (width: number): number => aligned(width * 4)
export const at = (value: Value, column = 0): Operand => ({ buffer: value.buffer, offset: column * 4 })
export const start = (buffer: Buffer): Operand => ({ buffer, offset: 0 })

export function programBuilder(): ProgramBuilder {
  const instructions: Instruction[] = []
  const weights: HeldWeight[] = []
  const rotations: Rotation[] = []
  let [tokenBytes, fixedBytes] = [0, 0]
  const buffer = (rowBytes: number, partBytes = 0): Buffer => ({ rowBytes, partBytes })
  return {
    buffer,
    value: (width, repeat = 1) => ({ buffer: buffer(strideOf(width) * repeat), width, repeat }),
    weight: (weight) => weights.push(weight) - 1,
    emit: (operation, words, { reads, writes }) => void instructions.push({ operation, words, reads, writes }),
    rotation: (rope) => {
      const known = rotations.find((one) => isSameRotation(one.rope, rope))
      if (known) return known
      const pairBytes = rope.inverseFrequencies.length * 4
      const rotation = { rope, cos: buffer(pairBytes), sin: buffer(pairBytes) }
      rotations.push(rotation)
      return rotation
    },
    tokenState: (bytes) => (tokenBytes += bytes) - bytes,
    fixedState: (bytes) => (fixedBytes += aligned(bytes)) - aligned(bytes),
    finish: ({ input, output, results = [] }) => ({ instructions, weights, rotations, input, output, results, cache: { fixedBytes, tokenBytes } }),
  }
}

export const weightBytes = (program: Program): number => program.weights.reduce((sum, weight) => sum + heldBytesOf(weight), 0)
/** Keys lie by so many positions. */
const POSITIONS_TOGETHER = 8
/** Positions of a cache that holds so many tokens. */
export const capacityFor = (tokens: number): number => POSITIONS_TOGETHER * Math.ceil(tokens / POSITIONS_TOGETHER)
export const cacheBytes = ({ cache }: Program, tokens: number): number => aligned(cache.fixedBytes + cache.tokenBytes * capacityFor(tokens))
