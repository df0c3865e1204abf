import { createSmoothed } from '../../core/cluster/smoothed.ts'

/**
 * In how many groups the streams of a ring go around. As many groups as shards keep every device at work, which is best where each has a processor
 * and memory of its own. Where devices share them, as tabs of one machine do, or where a pass over many rows costs what one over few does, fewer and
 * larger groups can be faster: that is measured, not assumed.
 */
export type StepGroups = {
  /** Of so many streams, how many make up a group now. */
  readonly size: (streams: number) => number
  /** Of so many streams that decode, how many steps wait for each other at the head, so that a group comes about. */
  readonly awaited: (streams: number) => number
  /**
   * A pass has run at the head.
   * @param steps of different streams in it @param streams that decode @param isPlain whether it had no chunk of a prompt
   */
  readonly ran: (steps: number, streams: number, isPlain: boolean) => void
}

/** A rate is taken over at least so many laps and milliseconds, after laps in which groups form anew. */
const WINDOW = { laps: 8, leastMs: 150, settleLaps: 2 }
/** Other numbers of groups are tried after so many windows: a few short answers are not worth it. */
const TRIAL_AFTER = 5
const WEIGHT = 0.5
/** No stream gets more than a token for each lap of a lone one: groups that give such a part of that are left as they are. */
const GOOD_ENOUGH = 0.85
/** What lost is tried again after so many windows, and after twice as many each time it loses. */
const RETRY = { first: 16, most: 256 }

/** Tokens a millisecond with each number of groups, and when that was last measured, in windows. */
type Known = { readonly rates: Map<number, { rate: number; at: number }>; windows: number; retry: number }

/** @param stages shards of the ring @param now monotonic milliseconds */
export function createStepGroups(stages: number, now: () => number): StepGroups {
  const choices = [...new Set(stages <= 4 ? Array.from({ length: stages }, (_, i) => stages - i) : [stages, Math.ceil(stages / 2), 1])]
  const byStreams = new Map<number, Known>()
  const loneRate = createSmoothed()
  let streams = 0
  let groups = stages
  let window = { settling: 0, steps: 0, startedAt: 0 }

  const begin = (): void => {
    window = { settling: streams * WINDOW.settleLaps, steps: 0, startedAt: now() }
  }
  const knownOf = (count: number): Known => {
    const known = byStreams.get(count) ?? expected(count)
    byStreams.set(count, known)
    return known
  }
  /** Of a number of streams that has not been here, what is known of the nearest that has: each stream has the same laps. */
  const expected = (count: number): Known => {
    const nearest = [...byStreams.keys()].toSorted((a, b) => Math.abs(a - count) - Math.abs(b - count))[0]
    const rates = nearest === undefined ? [] : [...(byStreams.get(nearest)?.rates ?? [])]
    const scaled = rates.map(([choice, { rate }]) => [choice, { rate: (rate * count) / (nearest ?? count), at: 0 }] as const)
    return { rates: new Map(scaled), windows: 0, retry: RETRY.first }
  }
  const best = ({ rates }: Known): number => {
    const rateOf = (choice: number): number => rates.get(choice)?.rate ?? 0
    return choices.reduce((winner, choice) => (rateOf(choice) > rateOf(winner) ? choice : winner))
  }

  const choose = (known: Known): number => {
    const winner = best(known)
    if ((known.rates.get(winner)?.rate ?? 0) >= GOOD_ENOUGH * streams * (loneRate.mean() ?? Infinity)) return winner
    if (known.windows < TRIAL_AFTER) return winner
    const untried = choices.find((choice) => !known.rates.has(choice))
    if (untried !== undefined) return untried
    const triedAt = (choice: number): number => known.rates.get(choice)?.at ?? 0
    const others = choices.filter((choice) => choice !== winner).toSorted((a, b) => triedAt(a) - triedAt(b))
    const [stalest = winner] = others
    return known.windows - triedAt(others.at(-1) ?? winner) >= known.retry ? stalest : winner
  }

  const note = (rate: number): void => {
    if (streams === 1) return loneRate.add(rate, WEIGHT)
    const known = knownOf(streams)
    const before = known.rates.get(groups)
    const winner = best(known)
    known.windows += 1
    // A trial replaces what was measured long ago.
    const isTrial = before !== undefined && groups !== winner
    known.rates.set(groups, { rate: before && !isTrial ? before.rate + WEIGHT * (rate - before.rate) : rate, at: known.windows })
    if (isTrial) known.retry = best(known) === groups ? RETRY.first : Math.min(RETRY.most, 2 * known.retry)
    groups = choose(known)
  }

  return {
    size: (count) => Math.max(1, Math.ceil(count / groups)),
    awaited: (count) => Math.max(1, Math.floor(count / groups)),
    ran: (steps, count, isPlain) => {
      if (count === 0) return
      if (count !== streams || !isPlain) {
        if (count !== streams) {
          streams = count
          groups = count > 1 ? best(knownOf(count)) : stages
        }
        return begin()
      }
      if (window.settling > 0) {
        window.settling -= steps
        if (window.settling <= 0) window.startedAt = now()
        return
      }
      window.steps += steps
      const ms = now() - window.startedAt
      if (window.steps < streams * WINDOW.laps || ms < WINDOW.leastMs) return
      note(window.steps / ms)
      begin()
    },
  }
}
