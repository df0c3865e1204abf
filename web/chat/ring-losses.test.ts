import { expect, test } from 'vitest'
import { viewOf, type ClusterView } from '../../core/cluster/cluster-view.ts'
import { peerId } from '../../protocol/ids.ts'
import { EMBER, SCENARIOS } from '../../tests/fixtures/ui/scenarios.ts'
import { createRingLosses } from './ring-losses.ts'

const without = (view: ClusterView, id: string, placements = [...view.placements.values()]): ClusterView =>
  viewOf([...view.peers.values()].filter((peer) => peer.id !== peerId(id)), [...view.wishes.values()], placements) // prettier-ignore
const WHOLE = SCENARIOS.ready.view

test('names who left, says that the ring forms, then that others took over', () => {
  const losses = createRingLosses()
  losses.look(WHOLE, EMBER, true)
  expect(losses.sentence(true)).toBeNull()
  const broken = without(WHOLE, 'studio')
  losses.look(broken, EMBER, true)
  expect(losses.sentence(true)).toBe('Studio Mac left. The ring is forming again; the answer goes on by itself.')
  expect(losses.sentence(false)).toBe('Studio Mac left. The ring is forming again; ask again in a moment.')
  const repaired = [...WHOLE.placements.values()].map((placement) => ({
    ...placement,
    shards: placement.shards.filter((shard) => shard.peerId !== peerId('studio')),
  }))
  losses.look(without(WHOLE, 'studio', repaired), EMBER, true)
  expect(losses.sentence(false)).toBe('Studio Mac left. The other devices took over.')
  losses.forget()
  expect(losses.sentence(false)).toBeNull()
})

test('a device that comes back at once is not named, nor is anybody while the server is away', () => {
  const losses = createRingLosses()
  losses.look(WHOLE, EMBER, true)
  losses.look(without(WHOLE, 'studio'), EMBER, true)
  losses.look(WHOLE, EMBER, true)
  expect(losses.sentence(true)).toBeNull()
  losses.look(viewOf([], [], []), EMBER, false)
  losses.look(WHOLE, EMBER, true)
  expect(losses.sentence(true)).toBeNull()
})
