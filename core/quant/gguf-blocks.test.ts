import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { quantOutcomes } from '../../tests/conformance/quant-cases.ts'
import { asFloat32 } from './stored.ts'

const FOLDER = fileURLToPath(new URL('../../tests/fixtures/quant/', import.meta.url))
const outcomes = quantOutcomes(FOLDER)

test('the reference covers all 18 types', () => expect(outcomes.length).toBe(18))

test('the reference is not zero', () => {
  const bytes = new Uint8Array(readFileSync(`${FOLDER}blocks.bin`))
  expect(Math.max(...asFloat32(bytes.slice(1056, 2112)).map(Math.abs))).toBeGreaterThan(0)
})

for (const { name, checks, failures } of outcomes) {
  test(`${name}: ${checks} checks against what gguf-py gives`, () => {
    expect(checks).toBeGreaterThan(2)
    expect(failures).toEqual([])
  })
}
