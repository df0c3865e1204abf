import { expect, test } from 'vitest'
import { EMPTY_VIEW, applyEvent, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { Wish, WishState } from '../../protocol/cluster.ts'
import { modelId } from '../../protocol/ids.ts'
import { forgetModels } from './forget-models.ts'

const WISH = {
  model: modelId('org/a'),
  source: '/models/org/a',
  strategy: 'memory-weighted',
  quality: 'balanced',
  minDevices: 1,
  maxDevices: 1,
  contextLength: null,
  localDevice: 'withdraw',
} as const
const kept = (id: string, address: string) => ({ id, address, name: id, bytes: 1, files: [], keptAt: 0 })

function page() {
  let view: ClusterView = EMPTY_VIEW
  let models = [kept('1', 'https://here/models/org/a/'), kept('2', 'https://here/models/org/ab')]
  const listeners = new Set<(view: ClusterView) => void>()
  const timers: (() => void)[] = []
  const told: Wish[] = []
  forgetModels({
    network: { view: () => view, onView: (listener) => (listeners.add(listener), () => listeners.delete(listener)) },
    stored: { list: async () => models, remove: async (id) => void (models = models.filter((model) => model.id !== id)) },
    addressOf: (source) => `https://here${source}`,
    timer: (_delayMs, callback) => (timers.push(callback), () => undefined),
    onForget: (wish) => told.push(wish),
    log: () => undefined,
  })
  const hear = (event: Parameters<typeof applyEvent>[1]): void => {
    view = applyEvent(view, event)
    for (const listener of listeners) listener(view)
  }
  return {
    wish: (state: WishState) => hear({ type: 'wish-set', wish: { ...WISH, state } }),
    unwish: () => hear({ type: 'wish-dropped', model: WISH.model }),
    again: () => (models = [...models, kept('1', 'https://here/models/org/a')]),
    later: () => timers.splice(0).forEach((callback) => callback()),
    kept: async () => (await new Promise((resolve) => setTimeout(resolve, 0)), models.map(({ id }) => id)),
    told,
  }
}

test('only what is wished forgotten is deleted, once told and once more for what was still being written', async () => {
  const one = page()
  one.wish('serve')
  one.wish('paused')
  expect(await one.kept()).toEqual(['1', '2'])
  one.wish('forget')
  one.unwish()
  expect(await one.kept()).toEqual(['2'])
  expect(one.told).toHaveLength(1)
  one.again()
  one.later()
  expect(await one.kept()).toEqual(['2'])
})

test('a model that is wished for again meanwhile keeps its new bytes', async () => {
  const one = page()
  one.wish('forget')
  one.unwish()
  expect(await one.kept()).toEqual(['2'])
  one.wish('serve')
  one.again()
  one.later()
  expect(await one.kept()).toEqual(['2', '1'])
})
