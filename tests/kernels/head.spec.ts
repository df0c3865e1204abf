/** The WebGPU head against its reference: formats, shapes, lists of every length, ties, and what is no number. */
import { expect, test } from '@playwright/test'
import { openHarness, type Harness } from '../harness/browser.ts'
import { SWEEP } from '../harness/sweep.ts'
import type { HeadCase, HeadResult } from './head.page.ts'

let harness: Harness
let adapter: string | null = null

test.beforeAll(async () => {
  harness = await openHarness({ onConsole: (line) => console.log(line) })
  adapter = (await harness.call<{ adapter: string | null }>('tests/harness/self-check.page.ts', 'describePage')).adapter
})
test.afterAll(() => harness.close())
// Each test says why, not only the first.
test.beforeEach(() => test.skip(adapter === null, 'this browser has no WebGPU adapter'))
// A software GPU compiles a kernel in a second.
test.describe.configure({ timeout: 180_000 })

/** Of a logit, as a share of the sum of magnitudes in its product. */
const TOLERANCE = 2e-6
const BASE: HeadCase = { held: 'f32', vocab: 426, columns: 64, k: 64, rows: [0], seed: 1 }

async function run(cases: readonly Partial<HeadCase>[]): Promise<{ readonly one: HeadCase; readonly results: readonly HeadResult[] }[]> {
  const all = cases.map((change, i) => ({ ...BASE, seed: i + 1, ...change }))
  const results = await harness.call<HeadResult[][]>('tests/kernels/head.page.ts', 'head', all)
  return all.map((one, i) => ({ one, results: results[i] ?? [] }))
}

/** The list is that of the kernel's own logits to the bit, and they are the reference's. */
function expectRight(one: HeadCase, { list, own, expected, worst, isSameBeside }: HeadResult): void {
  const label = JSON.stringify(one)
  expect(isSameBeside, label).toBe(true)
  expect(worst, label).toBeLessThanOrEqual(TOLERANCE)
  expect(list.ids, label).toEqual(own.ids)
  expect(list.ids, label).toHaveLength(Math.min(one.k, one.vocab))
  expect(
    list.logits.map((logit) => logit + 0),
    label,
  ).toEqual(own.logits.map((logit) => logit + 0))
  expect(Math.abs(list.logSumExp - expected.logSumExp), label).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(expected.logSumExp)))
  expect(Math.max(...expected.logits.map(Math.abs)), label).toBeGreaterThan(0.1)
}

test('head: f32 weights, one row, lists of 1 to 64 over vocabularies from 1 to 4099', async () => {
  const cases = [
    ...[1, 7, 64].map((k) => ({ k })),
    ...[1, 2, 63, 65, 255, 256, 257, 4099].map((vocab) => ({ vocab, columns: 36 })),
    ...[4, 6, 31, 33, 640].map((columns) => ({ columns, vocab: 300 })),
  ]
  for (const { one, results } of await run(cases)) {
    expect(results).toHaveLength(1)
    for (const result of results) expectRight(one, result)
  }
})

test('head: weights in f16, int8 and int4, in blocks of 16 and 32, scales and hidden states in f32 and f16', async () => {
  const forms: readonly Partial<HeadCase>[] = [
    { held: 'f16', floatType: 'f16' },
    { held: 'int8', block: 32 },
    { held: 'int8', block: 16, floatType: 'f16' },
    { held: 'int4', block: 32 },
    { held: 'int4', block: 32, floatType: 'f16' },
    { held: 'int4', block: 16 },
  ]
  const shapes = [
    { columns: 32, vocab: 257, rows: [2] },
    { columns: 96, vocab: 426, rows: [1, 0] },
    { columns: 352, vocab: 1031, rows: [0] },
  ]
  const odd: readonly Partial<HeadCase>[] = [
    { held: 'f16', floatType: 'f16', columns: 21 },
    { held: 'int8', columns: 45 },
    { held: 'int4', columns: 45, floatType: 'f16', vocab: 301, rows: [3] },
  ]
  // Each form in two shapes and each shape in four forms, or each in each.
  const cases = forms.flatMap((form, i) => shapes.filter((_, j) => SWEEP || i % 3 !== j).map((shape) => ({ ...form, ...shape })))
  for (const { one, results } of await run([...cases, ...odd])) {
    expect(results).toHaveLength(one.rows.length)
    for (const result of results) expectRight(one, result)
  }
})

test('head: several rows in one call, pieces of the vocabulary, buffers that are too small, softcap, factor and layer norm', async () => {
  const many = Array.from({ length: 18 }, (_, i) => (7 * i) % 19)
  const cases: readonly Partial<HeadCase>[] = [
    { rows: [0, 1] },
    { rows: [4, 1, 3, 0, 2], softcap: 3, vocab: 700 },
    { rows: many, scale: 0.25, vocab: 130 },
    { rows: [1, 0, 2], cuts: [64, 128, 384], isLayerNorm: true },
    { cuts: [64, 320], k: 128, softcap: 0.5, scale: 4 },
    { vocab: 1000, mostBytes: 64 * 4 * 37, rows: [1] },
    { held: 'int4', vocab: 1000, mostBytes: 32 * 111, rows: [0, 1], isLayerNorm: true },
    { vocab: 70_000, columns: 4, cuts: [30_000] },
  ]
  for (const { one, results } of await run(cases)) {
    expect(results).toHaveLength(one.rows.length)
    for (const result of results) expectRight(one, result)
  }
})

test('head: among equals the lower id is first; what is no number is in no list, and there is no log-sum-exp then', async () => {
  const fills = (['ties', 'equal', 'infinite', 'broken', 'lowest'] as const).flatMap((fill) => [
    { fill },
    { fill, rows: [0, 1], vocab: 700, cuts: [256] },
  ])
  const isNumber: boolean[] = []
  for (const { one, results } of await run([...fills, { fill: 'infinite', softcap: 30 }, { fill: 'broken', softcap: 30 }])) {
    const label = JSON.stringify(one)
    for (const { list, own, expected, worst, isSameBeside } of results) {
      expect(isSameBeside, label).toBe(true)
      expect(worst, label).toBeLessThanOrEqual(TOLERANCE)
      expect(list.ids, label).toEqual(own.ids)
      expect(list.logits, label).toEqual(own.logits)
      if (one.fill === 'ties' || one.fill === 'equal' || one.fill === 'lowest') expect(list.ids, label).toEqual(expected.ids)
      if (Number.isNaN(expected.logSumExp)) expect(list.logSumExp, label).toBeNaN()
      else expect(Math.abs(list.logSumExp - expected.logSumExp), label).toBeLessThan(1e-4)
      isNumber.push(!Number.isNaN(expected.logSumExp))
    }
  }
  expect(new Set(isNumber)).toEqual(new Set([true, false]))
})
