import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { openHarness, type Harness } from '../harness/browser.ts'
import { SWEEP } from '../harness/sweep.ts'
import type { PageCaseResult } from './conformance.page.ts'
import type { EmberReport } from './ember.ts'
import type { ProductReport } from './products.page.ts'

const PAGE = 'tests/conformance/conformance.page.ts'
const PRODUCTS = 'tests/conformance/products.page.ts'
let harness: Harness
let hasGpu = false

test.beforeAll(async () => {
  harness = await openHarness({
    mounts: {
      '/cases/': fileURLToPath(new URL('../fixtures/golden/', import.meta.url)),
      '/quant/': fileURLToPath(new URL('../fixtures/quant/', import.meta.url)),
    },
  })
  hasGpu = (await harness.call<{ adapter: string | null }>('tests/harness/self-check.page.ts', 'describePage')).adapter !== null
})
test.afterAll(() => harness.close())

const files = (path: string, backend: 'wasm' | 'simd' | 'webgpu') => ({
  url: `${harness.origin}${path}`,
  backend,
  wasmPaths: `${harness.origin}/node_modules/onnxruntime-web/dist/`,
})

for (const backend of ['wasm', 'simd', 'webgpu'] as const) {
  // The graphs of a layer are the same wherever the model is cut.
  const splits = backend === 'webgpu' && !SWEEP ? 'one-each' : 'every'
  const ways = splits === 'every' ? 'every two and three parts' : 'two and three parts'
  test(`the llama case agrees with transformers on ${backend} in a browser, whole and in ${ways}, a graph for every layer`, async () => {
    // A software GPU compiles and runs every shader on the CPU.
    test.setTimeout(300_000)
    test.skip(backend === 'webgpu' && !hasGpu, 'this browser has no WebGPU adapter')
    const result = await harness.call<PageCaseResult>(PAGE, 'conformance', { ...files('/cases/llama/', backend), leastPartBytes: 1, splits })
    if ('error' in result) throw new Error(result.text)
    expect(result.report.checks.filter((check) => !check.passed)).toEqual([])
    // Whole, and 3 splits in two and 3 in three, or one of each.
    const each = splits === 'every' ? 3 : 1
    expect(result.report.checks.length).toBe(6 + each * 6 + each * 3)
  })
}

test('the gemma2 case agrees on webgpu, whose attention has no softcap of its own', async () => {
  test.setTimeout(300_000)
  test.skip(!hasGpu, 'this browser has no WebGPU adapter')
  const result = await harness.call<PageCaseResult>(PAGE, 'conformance', { ...files('/cases/gemma2/', 'webgpu'), splits: 'none' })
  if ('error' in result) throw new Error(result.text)
  expect(result.report.checks.filter((check) => !check.passed)).toEqual([])
  expect(result.report.checks.length).toBe(6)
})

/** Held in all four block shapes, without loss and with. */
const HELD: Readonly<Record<string, readonly [int8: string, int4: string]>> = {
  f32: ['int8 block 32', 'int4 block 32'],
  q4_0: ['int4 block 32', 'int4 block 32'],
  q8_0: ['int8 block 32', 'int4 block 32'],
  q5_0: ['int8 block 32', 'int4 block 32'],
  iq4_xs: ['int8 block 32', 'int4 block 32'],
  q6_k: ['int8 block 16', 'int4 block 32'],
  q3_k: ['int4 block 16', 'int4 block 16'],
  q4_k: ['int8 block 32', 'int4 block 32'],
}

test('products with weights in every block shape are those of the stored weights, up to the error that loading told', async () => {
  test.setTimeout(120_000)
  test.skip(!hasGpu, 'this browser has no WebGPU adapter')
  const { wasmPaths } = files('/', 'webgpu')
  const types = Object.keys(HELD).filter((type) => type !== 'f32')
  const page = await harness.openPage()
  const reports = await harness.call<readonly ProductReport[]>(PRODUCTS, 'products', { url: `${harness.origin}/quant/`, wasmPaths, types }, page)
  const seen = reports.map(({ stored, weightFormat, held, tokens }) => [stored, weightFormat, held, tokens])
  const expected = Object.entries(HELD).flatMap(([stored, [int8, int4]]) => [
    ...[1, 48].map((tokens) => [stored, 'int8', int8, tokens]),
    ...[1, 48].map((tokens) => [stored, 'int4', int4, tokens]),
  ])
  expect(seen).toEqual(expected)
  const wrong = reports.filter(({ error, weightError }) => !(weightError === 0 ? error < 1e-5 : error < 3 * weightError && error > 0.1 * weightError))
  expect(wrong).toEqual([])
})

// f32 and int4: rings of WebGPU tabs, tests/e2e/backends.spec.ts.
test('the first stored answers of the embedded model come back from int8 weights on webgpu', async () => {
  test.setTimeout(300_000)
  test.skip(!hasGpu, 'this browser has no WebGPU adapter')
  const limit = SWEEP ? 2 : 1
  const report = await harness.call<EmberReport>(PAGE, 'ember', { ...files('/models/ember/', 'webgpu'), weightFormat: 'int8', limit })
  expect(report.total).toBe(limit)
  expect(report.tokens).toBeGreaterThan(10)
  expect(report.different).toEqual([])
})

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
