/** The way from this device only to a bigger model, and how far it is gone: read from the cluster, never remembered. */
import { devicesOf, placementState, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import { countOf, formatBytes, listOf } from '../parts/quantities.ts'
import { modelName } from '../parts/ring-summary.ts'

export type StartStep = {
  readonly id: 'answers' | 'lends' | 'second' | 'bigger'
  readonly title: string
  /** What is so now, or what to do. */
  readonly text: string
  readonly isDone: boolean
}

/** @param embedded the model that comes with the server */
export function startSteps(view: ClusterView, embedded = 'ember'): readonly StartStep[] {
  const ready = [...view.placements.values()].filter((placement) => placementState(view, placement) === 'ready')
  const browsers = devicesOf(view).filter(({ role }) => role === 'device')
  const bigger = ready.filter(({ model }) => model !== embedded)
  const lent = browsers.reduce((sum, { capabilities }) => sum + (capabilities?.memoryBytes ?? 0), 0)
  const names = listOf(browsers.map(({ name }) => name))
  return [
    {
      id: 'answers',
      title: 'This machine answers',
      text: ready[0]
        ? `${modelName(ready[0].model)} is ready. Ask it something.`
        : 'The small model that comes with Ringlet is being made ready; this takes a few seconds.',
      isDone: ready.length > 0,
    },
    {
      id: 'lends',
      title: 'This device lends its GPU',
      text:
        browsers.length > 0
          ? `${names} ${browsers.length === 1 ? 'lends' : 'lend'} ${formatBytes(lent)}.`
          : 'A browser tab is enough. It holds a few layers while it is open.',
      isDone: browsers.length > 0,
    },
    {
      id: 'second',
      title: 'A second device joins',
      text:
        browsers.length > 1
          ? `${countOf(browsers.length, 'device')} lend together. Each holds some of the layers.`
          : 'Scan the code with a phone, or open the link on another computer.',
      isDone: browsers.length > 1,
    },
    {
      id: 'bigger',
      title: 'A bigger model',
      text: bigger[0]
        ? `${modelName(bigger[0].model)} is ready, over ${countOf(bigger[0].shards.length, 'device')}.`
        : 'The Models page says which ones fit into what is lent, before anything is downloaded.',
      isDone: bigger.length > 0,
    },
  ]
}
