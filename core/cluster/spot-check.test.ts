import { expect, test } from 'vitest'
import { IDLE_STATUS, type CheckReport, type PeerEntry } from '../../protocol/cluster.ts'
import { peerId } from '../../protocol/ids.ts'
import { deviation, distrusted, toleranceOf, tokenDeviation } from './spot-check.ts'

const bytesOf = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)

test('36: 5 % of noise lies above the tolerance of equal backends, rounding far below', () => {
  const right = Array.from({ length: 512 }, (_, i) => Math.sin(i) * (1 + (i % 7)))
  const noisy = right.map((value, i) => value * (1 + (i % 2 === 0 ? 0.05 : -0.05)))
  const rounded = right.map((value) => Math.round(value * 1024) / 1024)
  for (const backend of ['simd', 'wasm', 'webgpu'] as const) {
    expect(deviation(bytesOf(noisy), bytesOf(right), 'f32')).toBeGreaterThan(toleranceOf(backend, backend, 'int4'))
    expect(deviation(bytesOf(rounded), bytesOf(right), 'f32')).toBeLessThan(toleranceOf(backend, backend, 'int4') / 10)
  }
  // Another position's rows, and other shapes.
  expect(deviation(bytesOf(right.slice(1)), bytesOf(right.slice(0, -1)), 'f32')).toBeGreaterThan(1)
  expect(deviation(bytesOf(right.slice(1)), bytesOf(right), 'f32')).toBe(Infinity)
  expect([deviation(bytesOf([0, 0]), bytesOf([0, 0]), 'f32'), deviation(bytesOf([1, 0]), bytesOf([0, 0]), 'f32')]).toEqual([0, Infinity])
})

test('36: a token is as wrong as its logit lies below the largest, over their whole range', () => {
  const logits = Float32Array.of(-2, 8, 7.9, 3)
  expect([0, 1, 3, 4].map((id) => tokenDeviation(id, logits))).toEqual([1, 0, 0.5, Infinity])
  expect(tokenDeviation(2, logits)).toBeLessThan(toleranceOf('simd', 'simd', 'f32'))
})

function cluster(reports: readonly (readonly [reporter: string, checked: string, witness: string, wrong: number, of: number])[]) {
  const names = new Set(reports.flatMap(([reporter, checked, witness]) => [reporter, checked, witness]))
  const checksOf = (name: string): CheckReport[] =>
    reports
      .filter(([reporter]) => reporter === name)
      .map(([, checked, witness, wrong, of]) => ({ peerId: peerId(checked), witness: peerId(witness), checked: of, wrong, worstError: 1 }))
  const entries = [...names].map((name, joined): PeerEntry => {
    const status = { ...IDLE_STATUS, checks: checksOf(name) }
    return { id: peerId(name), name, role: 'device', joined, capabilities: null, status }
  })
  return distrusted(new Map(entries.map((entry) => [entry.id, entry]))).map(({ peer }) => peer)
}

test('36: three wrong results put a device out, two do not, nor do three among thousands', () => {
  expect(cluster([['next', 'liar', 'spare', 3, 4]])).toEqual(['liar'])
  expect(cluster([['next', 'liar', 'spare', 2, 2]])).toEqual([])
  expect(cluster([['next', 'liar', 'spare', 3, 1000]])).toEqual([])
})

test('36: a witness that disagrees with several devices is the one that is out', () => {
  expect(
    cluster([
      ['next', 'first', 'liar', 3, 3],
      ['first', 'next', 'liar', 5, 5],
    ]),
  ).toEqual(['liar'])
  expect(
    cluster([
      ['next', 'liar', 'spare', 3, 3],
      ['next', 'liar', 'other', 3, 3],
    ]),
  ).toEqual(['liar'])
})
