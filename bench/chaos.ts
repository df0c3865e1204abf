/** Seeded runs with faults in the simulator (tests/simulator/): how many, how they ended, how long it took. */
import { runChaos, type ChaosResult } from '../tests/simulator/chaos.ts'
import { median, type BenchReport } from './report.ts'

export type ChaosOptions = {
  readonly runs: number
  /** Seed of the first one: runs in pieces add up. */
  readonly from: number
  readonly say: (line: string) => void
}

export async function benchChaos({ runs, from, say }: ChaosOptions): Promise<BenchReport> {
  const started = performance.now()
  const results: ChaosResult[] = []
  for (let seed = from; seed < from + runs; seed++) {
    const result = await runChaos(seed)
    results.push(result)
    for (const problem of result.problems) say(`seed ${seed}: ${problem}; ${result.faults.join(', ')}`)
    if (results.length % 100 === 0) say(`${results.length} of ${runs} runs, ${((performance.now() - started) / 1000).toFixed(0)} s`)
  }
  const sum = (of: (result: ChaosResult) => number): number => results.reduce((total, result) => total + of(result), 0)
  const problems = sum((result) => result.problems.length)
  if (problems > 0) throw new Error(`${problems} streams went wrong; RINGLET_SEED=N npx vitest run tests/simulator/chaos.test.ts replays a run`)
  const gaps = results.map((result) => result.longestGapMs).toSorted((a, b) => a - b)
  const rows = [
    ['runs', runs],
    ['faults', sum((result) => result.faults.length)],
    ['streams', sum((result) => result.streams)],
    ['whole and right', sum((result) => result.right)],
    ['tokens guessed ahead', sum((result) => result.draftedTokens)],
    ['tokens of prompts that were cached', sum((result) => result.cachedTokens)],
    ['typed errors, the model did not fit what was left', sum((result) => result.excused)],
    ['lost, doubled or wrong', problems],
    ['longest gap of a run, median, simulated ms', median(gaps)],
    ['longest gap of a run, p95, simulated ms', gaps[Math.ceil(0.95 * gaps.length) - 1] ?? 0],
    ['wall time, s', (performance.now() - started) / 1000],
  ] as const
  const measurements = results.map(({ log: _, ...result }) => result)
  return { browser: 'no browser', tables: [{ title: 'Chaos in the simulator', columns: ['what', 'figure'], rows }], measurements }
}
