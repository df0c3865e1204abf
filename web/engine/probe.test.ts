import { expect, test } from 'vitest'
import type { HardwareReport, LendOptions } from './page-engine.ts'
import { automaticThreads, candidatesFrom } from './probe.ts'

const REPORT: HardwareReport = {
  webgpu: { available: false, adapter: '', shaderF16: false, maxBufferBytes: 0, reason: 'this browser has no WebGPU' },
  storage: null,
  crossOriginIsolated: true,
  cores: 4,
  deviceMemoryBytes: null,
  backends: ['simd', 'wasm'],
  suggestedMemoryBytes: 2 ** 30,
}
const OPTIONS: LendOptions = { name: 'A', backend: 'auto', weightFormat: 'auto', memoryBytes: 2 ** 30, threads: 0 }

const threadsOf = (report: HardwareReport, options: LendOptions) => candidatesFrom(report, options).map(({ backend, threads }) => [backend, threads])

test('leaves one of four cores to the page, and takes one thread without isolation', () => {
  expect(automaticThreads(REPORT)).toBe(3)
  expect(automaticThreads({ ...REPORT, crossOriginIsolated: false })).toBe(1)
  expect(automaticThreads({ ...REPORT, cores: 1 })).toBe(1)
  expect(automaticThreads({ ...REPORT, cores: 32 })).toBe(8)
})

test('where threads are not chosen, one thread of our kernels is tried beside several', () => {
  const expected = [
    ['simd', 3],
    ['simd', 1],
    ['wasm', 3],
  ]
  expect(threadsOf(REPORT, OPTIONS)).toEqual(expected)
  expect(threadsOf(REPORT, { ...OPTIONS, backend: 'simd' })).toEqual(expected.slice(0, 2))
})

test('a choice of threads is kept, up to the cores that there are', () => {
  expect(threadsOf(REPORT, { ...OPTIONS, backend: 'simd', threads: 2 })).toEqual([['simd', 2]])
  expect(threadsOf(REPORT, { ...OPTIONS, backend: 'simd', threads: 9 })).toEqual([['simd', 4]])
  expect(threadsOf({ ...REPORT, crossOriginIsolated: false }, { ...OPTIONS, threads: 2 })).toEqual([
    ['simd', 1],
    ['wasm', 1],
  ])
  expect(threadsOf({ ...REPORT, cores: 2 }, { ...OPTIONS, backend: 'simd' })).toEqual([['simd', 1]])
})
