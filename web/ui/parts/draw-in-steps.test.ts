import { expect, test } from 'vitest'
import { drawInSteps } from './draw-in-steps.ts'

test('parts come a few at a time, each time by an update of their own, and stay', async () => {
  const lengths: number[] = []
  const parts = ['a', 'b', 'c', 'd', 'e']
  await new Promise<void>((resolve) => {
    const host = {
      addController: () => undefined,
      removeController: () => undefined,
      updateComplete: Promise.resolve(true),
      requestUpdate: () => draw(),
    }
    const steps = drawInSteps(host, 2)
    const draw = (): void => {
      lengths.push(steps(parts).length)
      // Asked twice in one update it goes on once.
      if (steps(parts).length === parts.length) resolve()
    }
    draw()
  })
  expect(lengths).toEqual([2, 4, 5])
})
