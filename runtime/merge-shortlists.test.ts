import { expect, test } from 'vitest'
import { topKReference } from '../shaders/top-k.ref.ts'
import { bytesOf } from '../core/quant/stored.ts'
import { mergeShortlists, readShortlist } from './merge-shortlists.ts'

const SIZE = 16

/** As the kernel writes the list of a piece. */
function listOf(logits: Float32Array): Uint8Array {
  const { ids, logits: largest, logSumExp } = topKReference(logits, Math.min(SIZE, logits.length))
  const list = new Float32Array(2 * SIZE + 1).fill(-Infinity)
  new Int32Array(list.buffer).fill(-1, 0, SIZE)
  new Int32Array(list.buffer).set(ids)
  list.set(largest, SIZE)
  list[2 * SIZE] = logSumExp
  return bytesOf(list)
}

test.each([
  ['even pieces', [64, 64, 64]],
  ['a last piece that is smaller than a list', [100, 100, 7]],
  ['one piece', [90]],
])('%s give what the whole vocabulary gives, ties in the order of ids', (_, widths) => {
  const vocab = widths.reduce((a, b) => a + b, 0)
  const logits = Float32Array.from({ length: vocab }, (_value, i) => Math.round(5 * Math.sin(i * i)) / 2)
  let start = 0
  const pieces = widths.map((width) => {
    const piece = readShortlist(listOf(logits.subarray(start, start + width)), start)
    start += width
    return piece
  })
  const expected = topKReference(logits, SIZE)
  const merged = mergeShortlists(pieces, SIZE)
  expect([...merged.ids]).toEqual([...expected.ids])
  expect([...merged.logits]).toEqual([...expected.logits])
  expect(merged.logSumExp).toBeCloseTo(expected.logSumExp, 5)
})

test('a piece whose logits are all minus infinity adds nothing', () => {
  const merged = mergeShortlists(
    [readShortlist(listOf(Float32Array.of(1, 0)), 0), { ids: new Int32Array(0), logits: new Float32Array(0), logSumExp: -Infinity }],
    2,
  )
  expect([...merged.ids]).toEqual([0, 1])
  expect(merged.logSumExp).toBeCloseTo(Math.log(Math.E + 1), 5)
})
