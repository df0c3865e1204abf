import { expect, test } from 'vitest'
import { createGpuRecovery } from './gpu-recovery.ts'

const OPTIONS = { name: 'a', backend: 'webgpu', weightFormat: 'auto', memoryBytes: 1, threads: 0 } as const

test('15: a lost GPU is opened once more, the second loss leads to the CPU', () => {
  const recover = createGpuRecovery(() => 0)
  expect(recover(OPTIONS).options).toEqual(OPTIONS)
  const second = recover(OPTIONS)
  expect(second.options).toEqual({ ...OPTIONS, backend: 'simd' })
  expect(second.sentence).toMatch(/again/)
})

test('ten quiet minutes make the next loss a first one', () => {
  let now = 0
  const recover = createGpuRecovery(() => now)
  recover(OPTIONS)
  now = 10 * 60_000
  expect(recover(OPTIONS).options.backend).toBe('webgpu')
})
