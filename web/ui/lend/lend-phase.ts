/** What a lending device is doing, in words and as progress. */
import type { ShardReport, WeightFormat } from '../../../protocol/cluster.ts'
import type { Hold } from '../../engine/lend-limits.ts'
import type { DeviceState } from '../../engine/page-engine.ts'
import { countOf, formatBytes, formatLayers, formatMilliseconds, formatSeconds } from '../parts/quantities.ts'
import { modelName } from '../parts/ring-summary.ts'
import { troubleWords } from '../parts/trouble-words.ts'

/** The way from joining to serving, in order. */
export const LEND_STEPS = ['Join', 'Download', 'Compile', 'Warm up', 'Serve'] as const
const STEP_OF: Record<ShardReport['phase'], number> = {
  waiting: 1,
  downloading: 1,
  compiling: 2,
  'warming-up': 3,
  ready: 4,
  failed: 1,
  stored: 1,
  paused: 1,
}

/** Why a device holds back, and until when. */
const HOLD_WORDS: Record<Hold, string> = {
  battery: 'The battery is low. It goes on by itself once the battery is filled to the level that you set.',
  mains: 'It runs on its battery. It goes on by itself when it is plugged in.',
  metered: 'The network costs, or is to save data. It goes on by itself on another network.',
  'in-use': 'Somebody uses this device. It goes on by itself when it has been left alone for a minute.',
}

export type LendPhase = {
  readonly headline: string
  readonly detail: string
  /** Index into LEND_STEPS of what happens now; earlier steps are done. */
  readonly step: number
  /** Bytes where they are known, `moving` where only the end is known, null where nothing is under way. */
  readonly progress: { readonly loadedBytes: number; readonly totalBytes: number } | 'moving' | null
}

const shardName = (shard: ShardReport): string => `${formatLayers(shard.startLayer, shard.endLayer)} of ${modelName(shard.model)}`
/** Shards that a device holds, for people. */
export const shardNames = (shards: readonly ShardReport[]): string => shards.map(shardName).join(', ')

/** `12.3 MB of 40 MB · 3.1 MB/s · 9 s left` */
/** `about 0.13 ms a layer for each token`: measured before anything was downloaded; null where it was not. */
function layerWords(model: string, format: WeightFormat | null, device: DeviceState): string | null {
  const speed = device.capabilities?.layerSpeeds?.find((one) => one.model === model && (format === null || one.weightFormat === format))
  return speed ? `about ${formatMilliseconds(speed.layerMs)} a layer for each token` : null
}

function downloadDetail(shard: ShardReport, device: DeviceState): string {
  const parts = [`${formatBytes(shard.loadedBytes)} of ${formatBytes(shard.totalBytes)}`]
  if (device.bytesPerSecond !== null) parts.push(`${formatBytes(device.bytesPerSecond)}/s`)
  if (device.etaSeconds !== null) parts.push(`${formatSeconds(device.etaSeconds)} left`)
  const words = layerWords(shard.model, shard.weightFormat, device)
  return [...parts, ...(words ? [words] : [])].join(' · ')
}

function waitingDetail(shard: ShardReport, device: DeviceState): string {
  const words = layerWords(shard.model, shard.weightFormat, device)
  return words
    ? `This device can hold ${formatLayers(shard.startLayer, shard.endLayer)}, ${words}. Another step comes first.`
    : 'Another step comes first.'
}

function joinedDetail(device: DeviceState): string {
  const [speed] = device.capabilities?.layerSpeeds ?? []
  const measured = speed ? ` Of ${modelName(speed.model)} it takes about ${formatMilliseconds(speed.layerMs)} a layer for each token.` : ''
  return `The device is ready. It gets layers when a model needs it.${measured}`
}

function loadingPhase(shard: ShardReport, device: DeviceState): LendPhase {
  const step = STEP_OF[shard.phase]
  switch (shard.phase) {
    case 'downloading':
      return {
        headline: `Downloading ${shardName(shard)}`,
        detail: downloadDetail(shard, device),
        step,
        progress: { loadedBytes: shard.loadedBytes, totalBytes: shard.totalBytes },
      }
    case 'compiling':
      return { headline: `Compiling ${shardName(shard)}`, detail: 'Making the layers ready for this device.', step, progress: 'moving' }
    case 'warming-up':
      return {
        headline: `Warming up ${shardName(shard)}`,
        detail: 'A first run, so that the first question does not wait.',
        step,
        progress: 'moving',
      }
    case 'stored':
      return {
        headline: `Downloaded ${shardName(shard)}`,
        detail: 'Kept on this device until somebody wants to use the model.',
        step,
        progress: null,
      }
    case 'paused':
      return {
        headline: `Stopped: ${shardName(shard)}`,
        detail: 'Somebody stopped this model on the Models page. It can be resumed there.',
        step,
        progress: null,
      }
    case 'failed':
      return { headline: `Could not load ${shardName(shard)}`, detail: shard.error ? troubleWords(shard.error) : '', step, progress: null }
    case 'waiting':
    case 'ready':
      return { headline: `Waiting to load ${shardName(shard)}`, detail: waitingDetail(shard, device), step, progress: 'moving' }
  }
}

/** The phase to show for a device's state. */
export function lendPhase(device: DeviceState): LendPhase {
  const loading = device.shards.find((shard) => shard.state !== 'ready')
  switch (device.lending) {
    case 'off':
      return { headline: 'Not lending', detail: '', step: 0, progress: null }
    case 'starting':
      return { headline: 'Joining the cluster…', detail: 'Trying out what computes fastest on this device.', step: 0, progress: 'moving' }
    case 'failed':
      return { headline: 'This device could not join', detail: device.error ? troubleWords(device.error) : '', step: 0, progress: null }
    case 'leaving':
      return {
        headline: 'Handing over…',
        detail:
          device.sequences > 0
            ? `${countOf(device.sequences, 'conversation')} still ${device.sequences === 1 ? 'runs' : 'run'} here. They end or move on first.`
            : 'The others take over what this device holds.',
        step: 4,
        progress: 'moving',
      }
    case 'paused':
      return {
        headline: device.holds.length > 0 ? 'Holding back' : 'Paused',
        detail: device.holds.length > 0 ? device.holds.map((hold) => HOLD_WORDS[hold]).join(' ') : 'This device takes no layers until you resume.',
        step: device.shards.length > 0 && !loading ? 4 : 1,
        progress: null,
      }
    case 'on':
      if (loading) return loadingPhase(loading, device)
      if (device.shards.length === 0) return { headline: 'Joined, no layers yet', detail: joinedDetail(device), step: 1, progress: null }
      return {
        headline: `Serving ${shardNames(device.shards)}`,
        detail: device.sequences > 0 ? `Computing ${countOf(device.sequences, 'conversation')} right now.` : 'Waiting for questions.',
        step: 4,
        progress: null,
      }
  }
}
