import { expect, test } from 'vitest'
import { runChaos } from './chaos.ts'

/** `RINGLET_SEED=7 npx vitest run tests/simulator/chaos.test.ts` replays one run. All thousand: `npm run bench -- chaos`. */
const only = process.env['RINGLET_SEED']
const SEEDS = only === undefined ? Array.from({ length: 100 }, (_, seed) => seed) : [Number(only)]

test(`${SEEDS.length} seeded runs with faults lose, double and change no token`, { timeout: 300_000 }, async () => {
  const bad: string[] = []
  let [right, cachedTokens, draftedTokens] = [0, 0, 0]
  for (const seed of SEEDS) {
    const { problems, faults, log, ...result } = await runChaos(seed)
    right += result.right
    cachedTokens += result.cachedTokens
    draftedTokens += result.draftedTokens
    if (problems.length > 0) bad.push(`seed ${seed}: ${faults.join(', ')}\n${problems.join('\n')}`)
    if (only !== undefined) process.stdout.write(`${JSON.stringify({ ...result, faults, problems }, null, 1)}\n${log.join('\n')}\n`)
  }
  expect(bad.join('\n\n')).toBe('')
  expect(right).toBeGreaterThan(SEEDS.length)
  expect(draftedTokens).toBeGreaterThan(only === undefined ? SEEDS.length : -1)
  expect(cachedTokens).toBeGreaterThan(only === undefined ? SEEDS.length : -1)
})
