import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { openHarness, type Harness } from '../harness/browser.ts'
import type { PageCaseResult } from './conformance.page.ts'
import type { EmberReport } from './ember.ts'

const PAGE = 'tests/conformance/conformance.page.ts'
let harness: Harness
let hasGpu = false

test.beforeAll(async () => {
  harness = await openHarness({ mounts: { '/cases/': fileURLToPath(new URL('../fixtures/golden/', import.meta.url)) } })
  hasGpu = (await harness.call<{ adapter: string | null }>('tests/harness/self-check.page.ts', 'describePage')).adapter !== null
})
test.afterAll(() => harness.close())

const files = (path: string, backend: 'wasm' | 'webgpu') => ({
  url: `${harness.origin}${path}`,
  backend,
  wasmPaths: `${harness.origin}/node_modules/onnxruntime-web/dist/`,
})

for (const backend of ['wasm', 'webgpu'] as const) {
  test(`the llama case agrees with transformers on ${backend} in a browser, whole and split at every cut, a graph for every layer`, async () => {
    // A software GPU compiles and runs every shader on the CPU.
    test.setTimeout(300_000)
    test.skip(backend === 'webgpu' && !hasGpu, 'this browser has no WebGPU adapter')
    const result = await harness.call<PageCaseResult>(PAGE, 'conformance', { ...files('/cases/llama/', backend), leastPartBytes: 1 })
    if ('error' in result) throw new Error(result.text)
    expect(result.report.checks.filter((check) => !check.passed)).toEqual([])
    expect(result.report.checks.length).toBe(6 + 4 * 6)
  })
}

for (const weightFormat of ['f32', 'int4'] as const) {
  test(`the first stored answers of the embedded model come back from ${weightFormat} weights on webgpu`, async () => {
    test.setTimeout(300_000)
    test.skip(!hasGpu, 'this browser has no WebGPU adapter')
    const report = await harness.call<EmberReport>(PAGE, 'ember', { ...files('/models/ember/', 'webgpu'), weightFormat, limit: 2 })
    expect(report.total).toBe(2)
    expect(report.tokens).toBeGreaterThan(10)
    if (weightFormat === 'f32') expect(report.different).toEqual([])
  })
}

test('a graph with a node that only the CPU has is refused by the WebGPU session, not run half on the CPU', async () => {
  test.skip(!hasGpu, 'this browser has no WebGPU adapter')
  const refusal = await harness.call<{ code: string } | null>(PAGE, 'openCpuOnlyGraph', files('/cases/llama/', 'webgpu'))
  expect(refusal).toMatchObject({ code: 'unsupported_backend' })
})

test('a device whose long prompts come out wrong is refused when the shard loads: subgroups of four lanes', async () => {
  test.setTimeout(120_000)
  test.skip(!hasGpu, 'this browser has no WebGPU adapter')
  // ORT keeps to the first device it is given, so this one needs a page of its own.
  const page = await harness.openPage()
  const { lanes, refusal } = await harness.call<{ lanes: number; refusal: { code: string } | null }>(
    PAGE,
    'loadWithAllFeatures',
    files('/cases/llama/', 'webgpu'),
    page,
  )
  test.skip(lanes !== 4, `subgroups of ${lanes} lanes here, where ORT is not known to be wrong`)
  expect(refusal, 'ORT is right now with 4 lanes: web/engine/gpu-features.ts can go').toMatchObject({ code: 'unsupported_backend' })
})
