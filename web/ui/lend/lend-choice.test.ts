import { expect, test } from 'vitest'
import type { HardwareReport } from '../../engine/page-engine.ts'
import { firstChoice, hardwareFacts, memoryRange } from './lend-choice.ts'
import { parseLendQuery } from './lend-query.ts'
import { formatBytes } from '../parts/quantities.ts'

const GB = 1024 ** 3
const REPORT: HardwareReport = {
  webgpu: { available: false, adapter: '', shaderF16: false, maxBufferBytes: 0, reason: 'this browser has no WebGPU' },
  crossOriginIsolated: true,
  cores: 4,
  deviceMemoryBytes: 8 * GB,
  storage: null,
  backends: ['wasm'],
  suggestedMemoryBytes: 2 * GB,
}

test('offers a WASM device at most what WASM can address', () => {
  expect(memoryRange(REPORT).max).toBe(4 * GB)
  expect(memoryRange({ ...REPORT, backends: ['simd', 'webgpu', 'wasm'] }).max).toBe(8 * GB)
  expect(memoryRange({ ...REPORT, deviceMemoryBytes: null, suggestedMemoryBytes: GB }).max).toBe(2 * GB)
})

test('a link decides over what was found', () => {
  const choice = firstChoice(REPORT, parseLendQuery('?name=A&memory=512&threads=2&backend=wasm&weights=int8'), 'found')
  expect(choice).toEqual({ name: 'A', backend: 'wasm', weightFormat: 'int8', memoryBytes: 512 * 1024 ** 2, threads: 2 })
})

test('a link that asks for SIMD gets it', () => {
  expect(firstChoice(REPORT, parseLendQuery('?backend=simd'), 'found').backend).toBe('simd')
})

test('says that backends are compared where there are several, and which one it is where there is one', () => {
  const willUse = (report: HardwareReport) => hardwareFacts(report, formatBytes).at(-1)?.text
  expect(willUse(REPORT)).toBe('WASM')
  expect(willUse({ ...REPORT, backends: ['simd', 'wasm'] })).toBe('the fastest of SIMD and WASM that computes right, measured when you join')
})

test('tells why there is no GPU', () => {
  expect(hardwareFacts(REPORT, formatBytes)[0]).toEqual({ label: 'GPU', text: 'None: this browser has no WebGPU', isGood: false })
})
