import { describe, expect, test } from 'vitest'
import { ClusterError } from '../../protocol/errors.ts'
import { MAX_FRAME_BYTES, MAX_SLICE_BYTES } from '../../protocol/limits.ts'
import {
  SLICE_HEADER_BYTES,
  createAssembler,
  decodeSlice,
  encodeAbort,
  encodePing,
  encodePong,
  encodeCredit,
  encodeDataSlice,
  sliceCount,
  type DataSlice,
} from './slices.ts'

const content = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => (i * 31) % 251)

function slicesOf(message: number, bytes: number): readonly DataSlice[] {
  return Array.from({ length: sliceCount(bytes) }, (_, index) => {
    const slice = decodeSlice(encodeDataSlice(message, index, content(bytes)))
    if (slice.type !== 'data') throw new Error('a data slice was encoded')
    return slice
  })
}
const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (thrown) {
    return thrown instanceof ClusterError ? thrown.code : `untyped: ${String(thrown)}`
  }
  return 'accepted'
}
/** Linear congruential generator of Numerical Recipes: the same bytes in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}

test('cuts 10 000 bytes into slices of at most 4640, and joins them', () => {
  const slices = slicesOf(1, 10_000)
  expect(slices.map((slice) => slice.payload.length + SLICE_HEADER_BYTES)).toEqual([
    MAX_SLICE_BYTES,
    MAX_SLICE_BYTES,
    10_000 - 2 * 4620 + SLICE_HEADER_BYTES,
  ])
  const assembler = createAssembler()
  expect(slices.map((slice) => assembler.accept(slice))).toEqual(['unfinished', 'unfinished', content(10_000)])
})

test('8: joins slices that come in reverse and twice', () => {
  const assembler = createAssembler()
  const outcomes = slicesOf(1, 10_000)
    .toReversed()
    .flatMap((slice) => [assembler.accept(slice), assembler.accept(slice)])
  expect(outcomes).toEqual(['unfinished', 'duplicate', 'unfinished', 'duplicate', content(10_000), 'duplicate'])
})

test('8: refuses a message that begins while another is unfinished, and a gap between messages', () => {
  const assembler = createAssembler()
  const [first] = slicesOf(1, 10_000)
  const [second] = slicesOf(2, 10)
  const [third] = slicesOf(3, 10)
  if (!first || !second || !third) throw new Error('each message has a slice')
  assembler.accept(first)
  expect(codeOf(() => assembler.accept(second))).toBe('malformed_frame')
  assembler.abort(1)
  expect(codeOf(() => assembler.accept(third))).toBe('malformed_frame')
  expect(assembler.accept(second)).toEqual(content(10))
})

test('passes control slices both ways', () => {
  expect(decodeSlice(encodePing(7))).toEqual({ type: 'ping', beat: 7 })
  const progress = { waiting: 3, stepMs: 1234 }
  expect(decodeSlice(encodePong(2 ** 32 - 1, progress))).toEqual({ type: 'pong', beat: 2 ** 32 - 1, progress })
  expect(decodeSlice(encodeCredit(2 ** 32 + 5))).toEqual({ type: 'credit', takenBytes: 5 })
  expect(decodeSlice(encodeAbort(3))).toEqual({ type: 'abort', message: 3 })
})

describe('10: refuses by typed error, before any allocation', () => {
  const first = encodeDataSlice(1, 0, content(10_000))
  const patched = (offset: number, value: number): Uint8Array => {
    const copy = first.slice()
    new DataView(copy.buffer).setUint32(offset, value, true)
    return copy
  }
  test.each([
    ['a length of 256 MiB', patched(16, 256 * 1024 * 1024), 'frame_too_large'],
    ['one byte more than a frame may have', patched(16, MAX_FRAME_BYTES + 1), 'frame_too_large'],
    ['a count that does not fit the length', patched(12, 4), 'malformed_frame'],
    ['an index outside', patched(8, 3), 'malformed_frame'],
    ['a truncated slice', first.subarray(0, 4000), 'malformed_frame'],
    ['a truncated header', first.subarray(0, 19), 'malformed_frame'],
    ['no bytes', new Uint8Array(0), 'malformed_frame'],
    ['more than a slice may have', new Uint8Array(MAX_SLICE_BYTES + 1).fill(1), 'malformed_frame'],
    ['another version', Uint8Array.from(first, (byte, i) => (i === 0 ? byte + 1 : byte)), 'malformed_frame'],
    ['an unknown kind', Uint8Array.from(first.subarray(0, 20), (byte, i) => (i === 1 ? 9 : byte)), 'malformed_frame'],
    ['a beat with a payload', Uint8Array.from(first, (byte, i) => (i === 1 ? 2 : byte)), 'malformed_frame'],
  ])('%s', (_, bytes, code) => expect(codeOf(() => decodeSlice(bytes))).toBe(code))

  test('10: 20 000 random and bit-flipped slices: typed refusals only', () => {
    const random = seeded(42)
    const outcomes = new Set<string>()
    let assembler = createAssembler()
    for (let round = 0; round < 20_000; round++) {
      const bytes = round % 2 === 0 ? Uint8Array.from({ length: Math.floor(random() * 64) }, () => random() * 256) : first.slice()
      if (round % 2 === 1) bytes[Math.floor(random() * 24)] = random() * 256
      outcomes.add(
        codeOf(() => {
          const slice = decodeSlice(bytes)
          if (slice.type === 'data') assembler.accept(slice)
        }),
      )
      if (round % 50 === 0) assembler = createAssembler()
    }
    expect([...outcomes].sort()).toEqual(['accepted', 'frame_too_large', 'malformed_frame'])
  })
})
