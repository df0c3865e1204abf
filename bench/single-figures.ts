/** The figures of one engine in one round. */
import type { Contender, Prompt } from './contender.ts'
import type { Roof } from './roof.ts'
import type { Checked } from './single-check.ts'
import type { TokenWork } from './token-work.ts'

/** `short`: a prompt of 64 tokens and one of 256. `long`: one of 1500. `rows`: several prompts in one pass. `warm`: loading again. */
export const FIGURES = ['short', 'long', 'rows', 'warm'] as const
export type Figure = (typeof FIGURES)[number]

const SHORT = 64
const PREFILL = 256
const LONG = 1500
const DECODED = 24
/** Of several prompts at once: the first still decodes when the last begins to. */
const DECODED_TOGETHER = 160
export const ROWS = [2, 4, 8] as const

/** Tokens a second; a figure that was not asked for is missing. */
export type Round = {
  readonly decode64?: number
  readonly decode1500?: number
  readonly prefill256?: number
  readonly prefill1500?: number
  /** Time of a pass with 1 row and so many, to each other; in the order of ROWS. */
  readonly rows?: readonly number[]
  /** Of as many threads, in the same round. */
  readonly roof?: Roof
}

export type Measured = {
  readonly contender: Contender
  readonly coldMs: number
  readonly warmMs: number | null
  readonly checked: Checked
  /** Private memory of the tab's process, at most: while it loaded, and while it worked. */
  readonly loadPeakBytes: number
  readonly workPeakBytes: number
  readonly heldBytes: number | null
  /** What a token takes, where it is known. */
  readonly work: TokenWork | null
  readonly rounds: readonly Round[]
}

/** @param promptOf gives a prompt of so many tokens, another for each index */
export async function measureRound(
  contender: Contender,
  promptOf: (tokens: number, index: number) => Prompt,
  figures: readonly Figure[],
): Promise<Round> {
  const round: { -readonly [Name in keyof Round]: Round[Name] } = {}
  if (figures.includes('short')) {
    round.decode64 = (await contender.ask([promptOf(SHORT, 0)], DECODED + 1)).decodePerSecond
    round.prefill256 = (1000 * PREFILL) / (await contender.ask([promptOf(PREFILL, 1)], 1)).firstTokenMs
  }
  if (figures.includes('rows')) {
    const one = (await contender.ask([promptOf(SHORT, 2)], DECODED + 1)).decodePerSecond
    const times: number[] = []
    for (const rows of ROWS.filter((count) => count <= contender.mostRows)) {
      const prompts = Array.from({ length: rows }, (_, i) => promptOf(SHORT, 10 * rows + i))
      times.push((rows * one) / (await contender.ask(prompts, DECODED_TOGETHER + 1)).decodePerSecond)
    }
    round.rows = times
  }
  if (figures.includes('long')) {
    const { firstTokenMs, decodePerSecond } = await contender.ask([promptOf(LONG, 3)], DECODED + 1)
    round.prefill1500 = (1000 * LONG) / firstTokenMs
    round.decode1500 = decodePerSecond
  }
  return round
}
