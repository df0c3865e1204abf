/**
 * One answer under a grammar. Its state is a function of the tokens so far: whoever knows these can take the answer over. When the
 * tokens that are left just suffice to close what is open, the closing tokens are taken: a limit shortens an answer and never breaks it.
 */
import type { Grammar } from '../../protocol/grammar.ts'
import type { TokenBytes } from '../text/token-bytes.ts'
import { closingPath, type ClosingTokens } from './closing-path.ts'
import { createTriggerScanner } from './trigger-scanner.ts'
import type { GrammarEngine, Matcher } from './xgrammar.ts'

/** Chooses among the tokens of a bit mask; null = any. */
export type SampleAmong = (mask: Int32Array | null) => Promise<number>
/** `end`: nothing may follow, or nothing but a stop. */
export type Choice = { readonly id: number; readonly state: 'open' | 'end' }

export type Constraint = {
  /** Goes to where the answer stands. */
  readonly follow: (answerIds: readonly number[]) => Promise<void>
  /** The next token. @param left tokens that the answer may still have, this one among them */
  readonly choose: (left: number, sample: SampleAmong) => Promise<Choice>
  readonly close: () => void
}

export type ConstraintOptions = {
  readonly grammar: Grammar
  readonly engine: GrammarEngine
  readonly tokens: TokenBytes
  readonly closing: ClosingTokens
  readonly stopIds: readonly number[]
}

/** Nearer to the limit than this, or than four times the shortest answer, the way to the end is looked for at each token. */
const WATCHED_TOKENS = 256

const isSet = (mask: Int32Array, id: number): boolean => (((mask[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 1
function countSet(mask: Int32Array): number {
  let count = 0
  for (let word of mask) for (; word !== 0; word &= word - 1) count++
  return count
}
function allBut(ids: ReadonlySet<number>, vocabSize: number): Int32Array {
  const mask = new Int32Array(Math.ceil(vocabSize / 32)).fill(-1)
  for (const id of ids) mask[id >>> 5] = (mask[id >>> 5] ?? 0) & ~(1 << (id & 31))
  return mask
}

async function shortestAnswer({ grammar, engine, closing, stopIds }: ConstraintOptions): Promise<number> {
  const matcher = await engine.start(grammar.ebnf, stopIds)
  const path = closingPath(matcher, closing, stopIds)
  matcher.dispose()
  return path?.length ?? 0
}

/** @throws {ClusterError} invalid_value when the grammar does not parse */
export async function createConstraint(options: ConstraintOptions): Promise<Constraint> {
  const { grammar, engine, closing, stopIds, tokens } = options
  const shortest = await shortestAnswer(options)
  const scanner = createTriggerScanner(grammar.trigger ?? '', tokens)
  const triggerIds = closing.spell(grammar.trigger ?? '')
  let followed: number[] = []
  /** Null before the trigger. */
  let matcher: Matcher | null = null

  async function begin(): Promise<void> {
    matcher?.dispose()
    followed = []
    scanner.reset()
    matcher = grammar.trigger === null ? await engine.start(grammar.ebnf, stopIds) : null
  }

  /** Goes on by a token before the trigger; false where the token goes past the trigger with what the grammar forbids. */
  async function stepFree(id: number): Promise<boolean> {
    const rest = scanner.peek(id)
    if (rest !== null) {
      const started = await engine.start(grammar.ebnf, stopIds)
      if (rest.text === null || (rest.text !== '' && !started.acceptText(rest.text))) {
        started.dispose()
        return false
      }
      matcher = started
    }
    scanner.push(id)
    followed.push(id)
    return true
  }

  /** Any token, but an end only where the constrained part is optional, and no trigger that leaves too few tokens for what follows. */
  async function chooseFree(left: number, sample: SampleAmong): Promise<Choice> {
    const mustOpen = !grammar.optional && left <= shortest + triggerIds.length + 1
    const forced = mustOpen ? triggerIds[scanner.spelled(triggerIds)] : undefined
    if (forced !== undefined && (await stepFree(forced))) return { id: forced, state: 'open' }
    const banned = new Set(grammar.optional ? [] : stopIds)
    for (;;) {
      const id = await sample(banned.size === 0 ? null : allBut(banned, tokens.vocabSize))
      const opensTooLate = scanner.peek(id) !== null && left - 1 < shortest
      if (stopIds.includes(id) || (!opensTooLate && (await stepFree(id)))) return { id, state: 'open' }
      banned.add(id)
    }
  }

  async function chooseWithin(at: Matcher, left: number, sample: SampleAmong): Promise<Choice> {
    const path = left <= Math.max(WATCHED_TOKENS, 4 * shortest) ? closingPath(at, closing, stopIds) : null
    const closer = path?.[0]
    if (closer !== undefined && path?.length === left) return take(at, closer, left > 1)
    const id = await sample(await at.mask())
    if (closer === undefined || stopIds.includes(id) || !at.accept(id)) return take(at, id, true)
    const after = closingPath(at, closing, stopIds)
    at.rollBack(1)
    return take(at, after !== null && after.length < left ? id : closer, true)
  }

  async function take(at: Matcher, id: number, looksAhead: boolean): Promise<Choice> {
    if (stopIds.includes(id) || !at.accept(id)) return { id, state: 'open' }
    followed.push(id)
    if (!looksAhead) return { id, state: 'open' }
    const next = await at.mask()
    const ends = stopIds.filter((stop) => isSet(next, stop)).length
    return { id, state: ends > 0 && countSet(next) === ends ? 'end' : 'open' }
  }

  await begin()
  return {
    follow: async (answerIds) => {
      if (followed.some((id, at) => answerIds[at] !== id)) await begin()
      for (const id of answerIds.slice(followed.length)) {
        if (!matcher) await stepFree(id)
        else if (matcher.accept(id)) followed.push(id)
      }
    },
    choose: (left, sample) => (matcher ? chooseWithin(matcher, left, sample) : chooseFree(left, sample)),
    close: () => matcher?.dispose(),
  }
}
