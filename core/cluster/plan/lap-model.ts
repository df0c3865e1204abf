/**
 * What a lap takes: lap = Σ stages + Σ hops; stage = fixed part + work · pace; hop = half a round trip + bytes / bandwidth + handling.
 * B streams at once get min(B / lap, 1 / slowest stage or link). Work is counted in layers of mean size, the head as so many of them.
 */
import type { PeerId } from '../../../protocol/ids.ts'
import type { Candidate } from '../memory-weighted.ts'
import type { LayerRange, ModelSizing } from '../sizing.ts'

/** How fast a device is at one model, in one format. */
export type Pace = {
  /** Milliseconds a layer of mean size takes for one token. */
  readonly layerMs: number
  /** Milliseconds a stage takes beside its layers, however many these are. */
  readonly stageMs: number
}
export type PacedDevice = Candidate & { readonly pace: Pace }

/** One edge of a ring, in milliseconds. */
export type HopTimes = {
  /** Until hidden states of one token are there. */
  readonly activationMs: number
  /** Until a token id is there: the way from the tail to the head. */
  readonly idMs: number
  /** For which hidden states of one token keep the path busy. */
  readonly busyMs: number
}
export type HopModel = (from: PeerId, to: PeerId) => HopTimes

export type LapEstimate = {
  readonly lapMs: number
  /** The slowest stage or link: no number of streams gets a token more often. */
  readonly slowestMs: number
  /** In ring order. */
  readonly stagesMs: readonly number[]
  /** From each stage to the next, the last to the head; empty in a ring of one. */
  readonly hopsMs: readonly number[]
}

export const stageMsOf = ({ pace }: PacedDevice, range: LayerRange, sizing: ModelSizing): number => pace.stageMs + pace.layerMs * sizing.work(range)

/** @param ring devices with their ranges, in ring order */
export function estimateLap(
  ring: readonly { readonly device: PacedDevice; readonly range: LayerRange }[],
  sizing: ModelSizing,
  hops: HopModel,
): LapEstimate {
  const stagesMs = ring.map(({ device, range }) => stageMsOf(device, range, sizing))
  const busy = [...stagesMs]
  const hopsMs = ring.flatMap(({ device }, i) => {
    const next = ring[(i + 1) % ring.length]?.device
    if (!next || next === device) return []
    const { activationMs, idMs, busyMs } = hops(device.peerId, next.peerId)
    const isClosing = i === ring.length - 1
    if (!isClosing) busy.push(busyMs)
    return [isClosing ? idMs : activationMs]
  })
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  return { lapMs: sum(stagesMs) + sum(hopsMs), slowestMs: Math.max(...busy), stagesMs, hopsMs }
}

/** Tokens a second of `streams` streams together; `Infinity` streams: of as many as the ring can use. */
export const tokensPerSecond = ({ lapMs, slowestMs }: Pick<LapEstimate, 'lapMs' | 'slowestMs'>, streams: number): number =>
  1000 * Math.min(streams / lapMs, 1 / slowestMs)
