import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { GOLDEN_FRAMES } from '../tests/fixtures/frames/frames.ts'
import { crc32 } from './crc32.ts'
import { NO_DRAFTS } from './drafts.ts'
import { ClusterError } from './errors.ts'
import { sequenceId } from './ids.ts'
import { MAX_FRAME_BYTES } from './limits.ts'
import { HEADER_BYTES, decodeFrame, decodeFrames, encodeFrame, type RingFrame } from './ring.ts'

const golden = (name: string): Uint8Array => Uint8Array.from(readFileSync(new URL(`../tests/fixtures/frames/${name}.bin`, import.meta.url)))
const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (thrown) {
    return thrown instanceof ClusterError ? thrown.code : `untyped: ${String(thrown)}`
  }
  return 'accepted'
}
/** A frame whose checksum is right whatever its fields say. */
function resealed(bytes: Uint8Array, patch: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  patch(view)
  view.setUint32(32, 0, true)
  view.setUint32(32, crc32(copy), true)
  return copy
}
/** Linear congruential generator of Numerical Recipes: the same bytes in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}

test('crc32 has the check value of its standard', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
})

describe.each(Object.entries(GOLDEN_FRAMES))('golden frame %s', (name, frame) => {
  test('is what encoding gives', () => expect(encodeFrame(frame)).toEqual(golden(name)))
  test('decodes to the same frame', () => expect(decodeFrame(golden(name))).toEqual(frame))
  test('decodes from the middle of a larger buffer', () => {
    const bytes = golden(name)
    const around = new Uint8Array(bytes.length + 13).fill(0xaa)
    around.set(bytes, 7)
    expect(decodeFrame(around.subarray(7, 7 + bytes.length))).toEqual(frame)
  })
  test('is refused with any one bit flipped, at any truncation, and with a byte more', () => {
    const bytes = golden(name)
    const outcomes = new Set<string>()
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      outcomes.add(codeOf(() => decodeFrame(flipped)))
    }
    for (let length = 0; length < bytes.length; length++) outcomes.add(codeOf(() => decodeFrame(bytes.subarray(0, length))))
    outcomes.add(codeOf(() => decodeFrame(Uint8Array.of(...bytes, 0))))
    expect([...outcomes]).toEqual(['malformed_frame'])
  })
})

describe('with a right checksum', () => {
  const activation = golden('activation-f16')
  test.each([
    ['an unknown type', resealed(activation, (view) => view.setUint8(1, 99))],
    ['an unknown number type', resealed(activation, (view) => view.setUint8(3, 7))],
    ['a count that does not fit the payload', resealed(activation, (view) => view.setUint32(24, 3, true))],
    [
      'a count and width whose product overflows 32 bits',
      resealed(activation, (view) => (view.setUint32(24, 0x80000003, true), view.setUint32(36, 0x80000002, true))),
    ],
    ['a payload length of 256 MiB', resealed(activation, (view) => view.setUint32(28, 256 * 1024 * 1024, true))],
    ['a reach before its own tokens', resealed(activation, (view) => view.setUint32(16, 8, true))],
    ['more drafts than tokens', resealed(golden('activation-drafts'), (view) => view.setUint32(40 + 6 + 8, 4, true))],
    ['no payload in an activation', resealed(golden('release'), (view) => (view.setUint8(1, 2), view.setUint8(3, 1)))],
    ['a job that is no JSON', resealed(activation, (view) => view.setUint8(1, 1))],
    ['a job that lacks its fields', resealed(golden('token-stop'), (view) => view.setUint8(1, 1))],
  ])('%s is refused', (_, bytes) => expect(codeOf(() => decodeFrame(bytes))).toBe('malformed_frame'))

  test('2000 frames with random headers give typed refusals only', () => {
    const random = seeded(5)
    const outcomes = new Set<string>()
    for (let round = 0; round < 2000; round++) {
      const bytes = resealed(golden(round % 2 === 0 ? 'activation-f16' : 'job'), (view) => {
        view.setUint8(1 + Math.floor(random() * 3), random() * 8)
        view.setUint8(Math.floor(20 + random() * (view.byteLength - 20)), random() * 256)
      })
      outcomes.add(codeOf(() => decodeFrame(bytes)))
    }
    expect([...outcomes].filter((code) => code !== 'accepted')).toEqual(['malformed_frame'])
  })
})

test('random bytes of any length are refused', () => {
  const random = seeded(9)
  const outcomes = new Set(
    Array.from({ length: 5000 }, (_, round) => codeOf(() => decodeFrame(Uint8Array.from({ length: round % 200 }, () => random() * 256)))),
  )
  expect([...outcomes]).toEqual(['malformed_frame'])
})

test('a frame above MAX_FRAME_BYTES is not encoded', () => {
  const payload = new Uint8Array(MAX_FRAME_BYTES - HEADER_BYTES + 4)
  const frame = {
    type: 'activation',
    sequence: sequenceId('0000000000000001'),
    epoch: 1,
    position: 0,
    count: 1,
    reach: 1,
    width: payload.length / 4,
    numberType: 'f32',
    sample: false,
    guess: NO_DRAFTS,
    payload,
    hops: [],
  } as const
  expect(codeOf(() => encodeFrame(frame))).toBe('frame_too_large')
  expect(codeOf(() => encodeFrame({ ...frame, width: frame.width - 1, payload: payload.subarray(4) }))).toBe('accepted')
})

test('a message may have several frames; when one of them is damaged, all are refused', () => {
  const frames: readonly RingFrame[] = [1, 2, 3].map((processed) => ({
    type: 'progress',
    sequence: sequenceId('00000000000000aa'),
    epoch: 1,
    processed,
    total: 9,
  }))
  const message = Uint8Array.from(frames.flatMap((frame) => [...encodeFrame(frame)]))
  expect(decodeFrames(message)).toEqual(frames)
  expect(codeOf(() => decodeFrames(message.subarray(0, -1)))).toBe('malformed_frame')
  expect(codeOf(() => decodeFrames(new Uint8Array(0)))).toBe('malformed_frame')
  message[2 * 40 + 20] = 99
  expect(codeOf(() => decodeFrames(message))).toBe('malformed_frame')
})
