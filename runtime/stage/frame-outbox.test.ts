import { NO_DRAFTS } from '../../protocol/drafts.ts'
import { expect, test } from 'vitest'
import { peerId, sequenceId } from '../../protocol/ids.ts'
import { decodeFrames, type RingFrame } from '../../protocol/ring.ts'
import { createFrameOutbox } from './frame-outbox.ts'

const [next, client] = [peerId('next-device'), peerId('a-client')]
const progress = (processed: number): RingFrame => ({ type: 'progress', sequence: sequenceId('00000000000000aa'), epoch: 1, processed, total: 9 })
const activation = (count: number): RingFrame => ({
  type: 'activation',
  sequence: sequenceId('00000000000000aa'),
  epoch: 1,
  position: 0,
  count,
  reach: count,
  width: 576,
  numberType: 'f32',
  sample: false,
  guess: NO_DRAFTS,
  payload: new Uint8Array(count * 576 * 4),
  hops: [],
})

function outbox() {
  const sent: (readonly [string, readonly RingFrame[]])[] = []
  const box = createFrameOutbox({
    now: () => 0,
    send: async (to, message) => void sent.push([to, decodeFrames(message)]),
    onLost: () => undefined,
  })
  return { box, sent }
}

test('frames of one pass leave as one message to each peer, in their order, once the pass is done', async () => {
  const { box, sent } = outbox()
  await box.together(async () => {
    box.post(next, progress(1))
    box.post(client, progress(2))
    await Promise.resolve()
    box.post(next, progress(3))
    expect(sent).toEqual([])
  })
  expect(sent).toEqual([
    [next, [progress(1), progress(3)]],
    [client, [progress(2)]],
  ])
})

test('a chunk leaves by itself: what is small does not wait for it to arrive', async () => {
  const { box, sent } = outbox()
  await box.together(async () => {
    box.post(next, progress(1))
    box.post(next, activation(16))
    box.post(next, progress(2))
  })
  expect(sent.map(([, frames]) => frames.map(({ type }) => type))).toEqual([['progress'], ['activation'], ['progress']])
})

test('what is posted outside of a pass leaves at once', () => {
  const { box, sent } = outbox()
  box.post(next, progress(1))
  expect(sent).toEqual([[next, [progress(1)]]])
})
