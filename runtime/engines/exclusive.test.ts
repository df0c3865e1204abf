import { expect, test } from 'vitest'
import { exclusive } from './exclusive.ts'

test('tasks of one owner never overlap, a failed one does not stop the next, owners do not wait for each other', async () => {
  const [owner, other] = [{}, {}]
  const steps: string[] = []
  const task =
    (name: string, fails = false) =>
    async () => {
      steps.push(`${name} starts`)
      await Promise.resolve()
      steps.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    }
  const results = await Promise.allSettled([exclusive(owner, task('a', true)), exclusive(owner, task('b')), exclusive(other, task('x'))])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
  expect(steps.filter((step) => !step.startsWith('x'))).toEqual(['a starts', 'a ends', 'b starts', 'b ends'])
  expect(steps.indexOf('x starts')).toBeLessThan(steps.indexOf('b starts'))
})
