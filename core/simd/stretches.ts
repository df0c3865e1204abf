/**
 * Stretches of a program, each done in pieces of all its instructions. A piece needs nothing that another one of its stretch writes, and a stretch
 * begins when the one before is done.
 */
import type { Instruction, Operand, Program } from './program.ts'

const numberOf = (operand: Operand | undefined): number | null => (typeof operand === 'number' ? operand : null)

/**
 * How pieces divide what an instruction writes, and, products apart, what it reads: by columns in fours, or by heads of all rows; null: any
 * other way. Between instructions of the same division each piece reads what it wrote itself.
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

export type Stretches = {
  /** For each instruction the stretch that it belongs to. */
  readonly rows: readonly number[]
  /** The same in a pass of one row: each is one or more of `rows`. */
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

/** Norms and roundings whose results only products read, and others of them, apart from `strays`. */
function wantedByProducts({ instructions, output, results }: Program, strays: ReadonlySet<Instruction>): ReadonlySet<Instruction> {
  const found = new Set<Instruction>()
  const kept = new Set<object>([output.buffer, ...results])
  for (const instruction of instructions.toReversed()) {
    const { operation, words, reads, writes } = instruction
    const isWhole = (operation === 'norm' && words['segments'] === 1) || (operation === 'quantize' && words['repeat'] === 1)
    const isEach = isWhole && !strays.has(instruction) && writes.every((one) => !kept.has(one))
    if (isEach) found.add(instruction)
    if (!isEach && operation !== 'product') for (const one of reads) kept.add(one)
  }
  return found
}

/** Stretches of a pass of one row, in which each thread does those of `each` for itself: it writes what no other one reads, and reads what all left. */
function divideAlone({ instructions }: Program, each: ReadonlySet<Instruction>): readonly number[] {
  const own = new Set([...each].flatMap(({ writes }) => writes))
  const divisions = instructions.map((one) => (each.has(one) ? null : divisionOf(one)))
  return divide(instructions, divisions, (buffer) => own.has(buffer))
}

/**
 * Norms and roundings that in a pass of one row each thread does by itself, into a row of its own, as it takes its first piece of a stretch.
 * Only products of that stretch read them: a thread that comes later has not done them. Of other rows they are divided.
 */
export function doneByEach(program: Program): ReadonlySet<Instruction> {
  const strays = new Set<Instruction>()
  for (;;) {
    const found = wantedByProducts(program, strays)
    const stretches = divideAlone(program, found)
    const isReadIn = (stretch: number | undefined, buffer: object): boolean =>
      program.instructions.every(({ reads }, i) => stretches[i] === stretch || !reads.includes(buffer))
    const [stray] = program.instructions.filter((one, i) => found.has(one) && !one.writes.every((buffer) => isReadIn(stretches[i], buffer)))
    if (!stray) return found
    strays.add(stray)
  }
}

export function stretchesOf(program: Program): Stretches {
  const { instructions } = program
  const alone = divideAlone(program, doneByEach(program))
  return { alone, rows: divide(instructions, instructions.map(divisionOf), () => false, alone) }
}
