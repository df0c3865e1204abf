import { expect, test, vi } from 'vitest'
import { IDLE_STATUS, type Capabilities, type Placement } from '../protocol/cluster.ts'
import { modelId, peerId } from '../protocol/ids.ts'
import type { ClusterEvent } from '../protocol/signaling.ts'
import { createCrowd, SEEN_OF_EACH } from './crowd.ts'
import { createEventBatch } from './event-batch.ts'
import { createRoster } from './roster.ts'

const LENT: Capabilities = { backend: 'wasm', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1e9, threads: 1, hardware: 'test' }
const nameOf = (i: number): string => `page-${i}`

function crowdOf(size: number, isLending: (i: number) => boolean = () => true) {
  const roster = createRoster()
  const crowd = createCrowd(roster)
  const join = (i: number): void => {
    crowd.take(roster.join({ id: peerId(nameOf(i)), name: nameOf(i), role: 'device', capabilities: isLending(i) ? LENT : null }))
  }
  for (let i = 0; i < size; i++) join(i)
  const sees = (i: number): boolean => crowd.isSeen(peerId(nameOf(i)))
  const leave = (i: number): readonly string[] => crowd.take(roster.leave(peerId(nameOf(i)))).map(({ id }) => id)
  return { roster, crowd, join, sees, leave }
}

test('22: pages that lend nothing take no place in sight from those that lend: the first of these announces', () => {
  const { crowd, roster, sees } = crowdOf(200, (i) => i >= 100)
  expect([sees(100), sees(100 + SEEN_OF_EACH - 1), sees(100 + SEEN_OF_EACH)]).toEqual([true, true, false])
  expect(crowd.unseen()).toBe(200 - 2 * SEEN_OF_EACH)
  // Whoever begins to lend counts among the others no more, and is the longest-joined of all that lend.
  expect(crowd.take(roster.update(peerId(nameOf(0)), { status: IDLE_STATUS, capabilities: LENT })).map(({ id }) => id)).toEqual([
    nameOf(SEEN_OF_EACH),
  ])
  expect(sees(0)).toBe(true)
})

test('22: whoever a placement gives something to do is in sight until it leaves; the longest-joined take the places of those that left', () => {
  const { crowd, sees, leave } = crowdOf(100)
  const placement: Placement = {
    model: modelId('ember'),
    source: '/models/ember',
    epoch: 1,
    strategy: 'memory-weighted',
    quality: 'balanced',
    announcer: peerId(nameOf(0)),
    numLayers: 4,
    contextLength: 256,
    handoff: 'f32',
    shards: [{ peerId: peerId(nameOf(90)), startLayer: 0, endLayer: 4, first: true, last: true, weightFormat: 'f32' }],
    spares: [
      { peerId: peerId(nameOf(91)), startLayer: 0, endLayer: 4, weightFormat: 'f32' },
      { peerId: peerId(nameOf(92)), startLayer: 0, endLayer: 0, weightFormat: 'f32' },
    ],
    explanation: [],
    problem: null,
  }
  expect(crowd.take([{ type: 'placement', placement }]).map(({ id }) => id)).toEqual([nameOf(90), nameOf(91)])
  expect([sees(90), sees(91), sees(92)]).toEqual([true, true, false])
  expect(leave(3)).toEqual([nameOf(SEEN_OF_EACH)])
  leave(90)
  expect(sees(90)).toBe(false)
})

test('42: ten thousand pages that come and go leave nothing behind', () => {
  const { crowd, roster, join, leave } = crowdOf(0)
  for (let i = 0; i < 10_000; i++) {
    join(i)
    if (i >= 80) leave(i - 80)
    // Somebody who is gone and still counted as in sight would make this too small.
    expect(crowd.unseen()).toBe(Math.max(0, roster.size() - SEEN_OF_EACH))
  }
  for (let i = 9_920; i < 10_000; i++) leave(i)
  expect([roster.size(), crowd.unseen()]).toEqual([0, 0])
})

test('42: of each peer one message tells the newest only, whatever happened meanwhile, and what is urgent comes behind what waits', () => {
  vi.useFakeTimers()
  try {
    const sent: (readonly ClusterEvent[])[] = []
    const batch = createEventBatch((events) => void sent.push(events))
    const id = peerId('page-1')
    const peer = { id, name: 'page', role: 'device', joined: 0, capabilities: null, status: IDLE_STATUS } as const
    batch.add([{ type: 'peer-joined', peer }], 250)
    for (let i = 1; i <= 1_000; i++) batch.add([{ type: 'peer-updated', id, status: { ...IDLE_STATUS, framesHandled: i }, capabilities: null }], 250)
    expect(sent).toEqual([])
    batch.add([{ type: 'wish-dropped', model: modelId('ember') }], 0)
    expect(sent).toEqual([
      [
        { type: 'peer-joined', peer: { ...peer, status: { ...IDLE_STATUS, framesHandled: 1_000 } } },
        { type: 'wish-dropped', model: 'ember' },
      ],
    ])
    batch.add([{ type: 'peer-left', id }], 250)
    vi.advanceTimersByTime(250)
    expect(sent.at(-1)).toEqual([{ type: 'peer-left', id }])
    batch.add([{ type: 'peer-left', id }], 250)
    batch.close()
    vi.advanceTimersByTime(1_000)
    expect([sent.length, vi.getTimerCount()]).toEqual([2, 0])
  } finally {
    vi.useRealTimers()
  }
})
