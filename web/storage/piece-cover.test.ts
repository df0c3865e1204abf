import { expect, test } from 'vitest'
import { seededRandom } from '../../tests/harness/seeded.ts'
import { coverOf, joined, type Piece } from './piece-cover.ts'

test('200 random sets of overlapping pieces: parts come from their pieces, and with the gaps they make up the range once', () => {
  const random = seededRandom(1)
  for (let round = 0; round < 200; round++) {
    const pieces: Piece[] = Array.from({ length: Math.floor(random() * 12) }, (_, i) => {
      const start = Math.floor(random() * 100)
      return { start, end: start + 1 + Math.floor(random() * 30), name: `${i}` }
    })
    const [start, end] = [Math.floor(random() * 50), 50 + Math.floor(random() * 90)]
    const { parts, gaps } = coverOf(pieces, start, end)
    const kept = Array.from({ length: 140 }, (_, at) => pieces.some((piece) => piece.start <= at && at < piece.end))
    const times = Array.from({ length: 140 }, () => 0)
    for (const part of parts) {
      expect(part.piece.start <= part.start && part.end <= part.piece.end && part.start < part.end).toBe(true)
      for (let at = part.start; at < part.end; at++) times[at] = (times[at] ?? 0) + 1
    }
    for (const gap of gaps) for (let at = gap.start; at < gap.end; at++) times[at] = (times[at] ?? 0) + (kept[at] === true ? 100 : 1)
    expect(times.slice(start, end).every((count) => count === 1)).toBe(true)
    expect([...times.slice(0, start), ...times.slice(end)].every((count) => count === 0)).toBe(true)
  }
})

test('spans that touch are fetched as one', () => {
  expect(
    joined([
      { start: 5, end: 9 },
      { start: 0, end: 5 },
      { start: 12, end: 13 },
    ]),
  ).toEqual([
    { start: 0, end: 9 },
    { start: 12, end: 13 },
  ])
})
