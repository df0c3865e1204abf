/** Where threads must meet: between instructions of which one needs what another thread writes. */
import type { Instruction, Operand, Program } from './program.ts'

const numberOf = (operand: Operand | undefined): number | null => (typeof operand === 'number' ? operand : null)

/**
 * How threads divide what an instruction writes, and, products apart, what it reads: by columns in fours, or by heads of all rows; null: any
 * other way. Between instructions of the same division each thread reads what it wrote itself.
 */
function divisionOf({ operation, words }: Instruction): string | null {
  const by = (kind: string, count: Operand | undefined): string | null => (numberOf(count) === null ? null : `${kind} ${numberOf(count)}`)
  switch (operation) {
    case 'product':
    case 'expertProduct':
      return by('columns', words['n'])
    case 'add':
    case 'map':
    case 'activate':
      return by('columns', words['width'])
    case 'norm':
      return by('heads', words['segments'])
    case 'quantize':
      return by('heads', words['repeat'])
    case 'rotate':
    case 'store':
      return by('heads', words['heads'])
    case 'attend':
    case 'route':
    case 'combine':
    case 'convolve':
    case 'shortlist':
    case 'mergeShortlists':
      return null
  }
}

/**
 * Norms and roundings whose results only products read: in a pass of one row each thread does them by itself, into a row of its own.
 * Other rows are divided.
 */
export function doneByEach({ instructions, output, results }: Program): ReadonlySet<Instruction> {
  const found = new Set<Instruction>()
  const kept = new Set<object>([output.buffer, ...results])
  for (const instruction of instructions.toReversed()) {
    const { operation, words, reads, writes } = instruction
    const isWhole = (operation === 'norm' && words['segments'] === 1) || (operation === 'quantize' && words['repeat'] === 1)
    const isEach = isWhole && writes.every((one) => !kept.has(one))
    if (isEach) found.add(instruction)
    if (!isEach && operation !== 'product') for (const one of reads) kept.add(one)
  }
  return found
}

export type Stretches = {
  /** For each instruction the stretch that it belongs to: threads meet after the last one of each. */
  readonly rows: readonly number[]
  /** The same in a pass of one row, where they meet nowhere else. */
  readonly alone: readonly number[]
}

type Touched = Map<object, string | null>

const readsAll = ({ operation }: Instruction): boolean => operation === 'product' || operation === 'expertProduct'

/** @param isOwn whether a buffer is one of each thread's own @param breaks stretches that end anyway */
function divide(
  instructions: readonly Instruction[],
  divisions: readonly (string | null)[],
  isOwn: (buffer: object) => boolean,
  breaks?: readonly number[],
): readonly number[] {
  const indices: number[] = []
  let [reads, writes, stretch]: [Touched, Touched, number] = [new Map(), new Map(), 0]
  for (const [i, instruction] of instructions.entries()) {
    const division = divisions[i] ?? null
    const readDivision = readsAll(instruction) ? null : division
    const isOther = (touched: Touched, one: object, by: string | null): boolean =>
      touched.has(one) && !isOwn(one) && (by === null || touched.get(one) !== by)
    const conflicts =
      instruction.reads.some((one) => isOther(writes, one, readDivision)) ||
      instruction.writes.some((one) => isOther(writes, one, division) || isOther(reads, one, division))
    if (conflicts || (i > 0 && breaks && breaks[i] !== breaks[i - 1])) {
      stretch++
      reads = new Map()
      writes = new Map()
    }
    const note = (touched: Touched, one: object, by: string | null): void =>
      void touched.set(one, touched.has(one) && touched.get(one) !== by ? null : by)
    for (const one of instruction.reads) note(reads, one, readDivision)
    for (const one of instruction.writes) note(writes, one, division)
    indices.push(stretch)
  }
  return indices
}

export function stretchesOf(program: Program): Stretches {
  const { instructions } = program
  const each = doneByEach(program)
  const own = new Set([...each].flatMap(({ writes }) => writes))
  const divisions = instructions.map(divisionOf)
  // Done by each, an instruction writes nothing that another thread reads, and reads what all have left.
  const alone = divide(
    instructions,
    instructions.map((one, i) => (each.has(one) ? null : (divisions[i] ?? null))),
    (buffer) => own.has(buffer),
  )
  return { alone, rows: divide(instructions, divisions, () => false, alone) }
}
