import { expect, test } from 'vitest'
import { peerId } from '../../../protocol/ids.ts'
import type { Trace } from '../../../protocol/trace.ts'
import { happenings, ringRuns } from './trace-summary.ts'

const hop = (computeMs: number) => ({ queueMs: 0, computeMs, readBackMs: 1, sendMs: 0 })
const lap = (index: number, hops: ReturnType<typeof hop>[], wayMs: number | null) =>
  ({ type: 'token', atMs: index * 10, index, lapMs: wayMs === null ? null : 10, wayMs, hops }) as const
const shard = (name: string, startLayer: number, endLayer: number) => ({ peerId: peerId(`dev-${name}`), name, startLayer, endLayer })

const CHOICE: Trace['choices'][number] = {
  dropped: 0,
  events: [
    { type: 'ring', atMs: 0, epoch: 3, resumes: false, shards: [shard('a', 0, 4), shard('b', 4, 8)] },
    lap(0, [hop(2), hop(4)], null),
    lap(1, [hop(4), hop(4)], 1),
    lap(2, [hop(90)], 3),
    { type: 'pause', atMs: 35, reason: 'the ring lost a device' },
    { type: 'ring', atMs: 1500, epoch: 4, resumes: true, shards: [shard('a', 0, 8)] },
    lap(3, [hop(7)], 2),
    { type: 'end', atMs: 1600, reason: 'stop' },
  ],
}

test('means are by ring and shard, over laps that tell of the whole ring', () => {
  const [first, second] = ringRuns(CHOICE)
  expect(first?.rows.map(({ name, computeMs }) => [name, computeMs])).toEqual([
    ['a', 3],
    ['b', 4],
  ])
  expect([first?.wayMs, first?.laps.length, second?.epoch, second?.rows[0]?.computeMs, second?.wayMs]).toEqual([2, 3, 4, 7, 2])
})

test('a pause, what came after it and the end are said with their time', () => {
  expect(happenings(CHOICE)).toEqual(['0.04 s: paused, the ring lost a device', '1.50 s: went on with ring 4', '1.60 s: ended, stop'])
})
