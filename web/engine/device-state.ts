/** Follows what the engine reports of the device and adds what only time shows: download speed and time left. */
import type { Capabilities, ShardReport } from '../../protocol/cluster.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import { differenceOf, NOTHING_GIVEN, type Contribution } from './contribution.ts'
import type { Hold } from './lend-limits.ts'
import type { FileProgress } from '../../runtime/ring/file-progress.ts'
import type { EngineToPage } from './engine-messages.ts'
import type { DeviceState } from './page-engine.ts'

export const DEVICE_OFF: DeviceState = {
  lending: 'off',
  capabilities: null,
  shards: [],
  etaSeconds: null,
  bytesPerSecond: null,
  files: [],
  work: { ...NOTHING_GIVEN, tokensPerSecond: 0, bytesInPerSecond: 0, bytesOutPerSecond: 0 },
  holds: [],
  sequences: 0,
  framesHandled: 0,
  layerMs: null,
  notice: null,
  error: null,
}

type Sample = { readonly atMs: number; readonly bytes: number }
/** Speed is measured over the last seconds, so that a stall shows and a burst does not promise too much. */
const WINDOW_MS = 3_000
/** Shorter spans between two reports of work say nothing of a rate. */
const MIN_SECONDS = 0.25

export type DeviceTracker = {
  readonly state: () => DeviceState
  readonly starting: () => void
  readonly lends: (capabilities: Capabilities) => void
  readonly failed: (error: WireError) => void
  readonly notice: (sentence: string) => void
  readonly files: (model: ModelId, files: readonly FileProgress[]) => void
  readonly holds: (holds: readonly Hold[]) => void
  /** @returns what came since the last call */
  readonly work: (given: Contribution) => Contribution
  readonly report: (message: Extract<EngineToPage, { type: 'device' }>) => void
}

/** `now` is monotonic, in milliseconds. */
export function createDeviceTracker(now: () => number): DeviceTracker {
  let state = DEVICE_OFF
  let samples: readonly Sample[] = []
  let workedAt = now()
  /** Of each model lately loaded: several may be at once, and one of them is shown. */
  const filesOf = new Map<ModelId, readonly FileProgress[]>()
  const downloading = (shards: readonly ShardReport[]): ShardReport | undefined => shards.find((shard) => shard.phase === 'downloading')
  const shownFiles = (shard: ShardReport | undefined): readonly FileProgress[] => (shard && filesOf.get(shard.model)) ?? []

  function speedOf(loadedBytes: number): number | null {
    const atMs = now()
    const last = samples.at(-1)
    if (last && last.bytes > loadedBytes) samples = []
    samples = [...samples.filter((sample) => atMs - sample.atMs <= WINDOW_MS), { atMs, bytes: loadedBytes }]
    const first = samples[0]
    return first && atMs > first.atMs ? ((loadedBytes - first.bytes) * 1000) / (atMs - first.atMs) : null
  }

  return {
    state: () => state,
    starting: () => {
      filesOf.clear()
      state = { ...DEVICE_OFF, lending: 'starting', work: state.work, holds: state.holds }
    },
    lends: (capabilities) => {
      state = { ...state, capabilities }
    },
    failed: (error) => {
      state = { ...state, lending: 'failed', error }
    },
    notice: (sentence) => {
      state = { ...state, notice: sentence }
    },
    files: (model, files) => {
      filesOf.set(model, files)
      state = { ...state, files: shownFiles(downloading(state.shards)) }
    },
    holds: (holds) => {
      state = { ...state, holds }
    },
    work: (given) => {
      const added = differenceOf(given, state.work)
      const seconds = Math.max(MIN_SECONDS, (now() - workedAt) / 1000)
      workedAt = now()
      const rate = (count: number): number => count / seconds
      state = {
        ...state,
        work: {
          ...given,
          tokensPerSecond: rate(added.tokens),
          bytesInPerSecond: rate(added.bytesIn),
          bytesOutPerSecond: rate(added.bytesOut),
        },
      }
      return added
    },
    report: (message) => {
      const loading = downloading(message.shards)
      const bytesPerSecond = loading ? speedOf(loading.loadedBytes) : null
      const left = loading ? loading.totalBytes - loading.loadedBytes : 0
      const etaSeconds = bytesPerSecond && left > 0 ? left / bytesPerSecond : null
      const { type: _, ...facts } = message
      const capabilities = message.lending === 'off' ? null : state.capabilities
      state = { ...state, ...facts, files: shownFiles(loading), bytesPerSecond, etaSeconds, capabilities }
    },
  }
}
