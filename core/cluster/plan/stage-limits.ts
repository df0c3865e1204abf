/** How many layers each device may have at each place of a ring, by its memory and by the time that a stage may take. */
import { capAt } from '../memory-weighted.ts'
import type { ModelSizing } from '../sizing.ts'
import type { PacedDevice } from './lap-model.ts'

export type Role = 'only' | 'first' | 'middle' | 'last'
/** Most layers in each role. */
export type Caps = Readonly<Record<Role, number>>

export const memoryCaps = (device: PacedDevice, sizing: ModelSizing): Caps => ({
  only: capAt('only', device, sizing),
  first: capAt('first', device, sizing),
  middle: capAt('middle', device, sizing),
  last: capAt('last', device, sizing),
})

/** What the head costs, in layers. */
export const headWork = (sizing: ModelSizing): number => sizing.work({ startLayer: 0, endLayer: sizing.numLayers }) - sizing.numLayers

/** The caps under which no stage takes longer than `limitMs`. */
export function timeCaps({ pace }: PacedDevice, caps: Caps, sizing: ModelSizing, limitMs: number): Caps {
  if (limitMs === Infinity) return caps
  const { layerMs, stageMs } = pace
  const layers = (headLayers: number): number => {
    const spareMs = limitMs - stageMs - layerMs * headLayers
    // Limits are times of stages themselves: rounding must not lose the very layer that made one.
    if (layerMs === 0) return spareMs >= 0 ? sizing.numLayers : 0
    return Math.max(0, Math.floor(spareMs / layerMs + 1e-9))
  }
  const [plain, withHead] = [layers(0), layers(headWork(sizing))]
  return {
    only: withHead >= sizing.numLayers ? caps.only : 0,
    first: Math.min(caps.first, plain),
    middle: Math.min(caps.middle, plain),
    last: Math.min(caps.last, withHead),
  }
}

/** Every time that a stage of uniform layers can take, in milliseconds. */
export function stageTimes({ pace }: PacedDevice, sizing: ModelSizing): readonly number[] {
  const head = headWork(sizing)
  return Array.from({ length: sizing.numLayers }, (_, i) => i + 1).flatMap((layers) => [
    pace.stageMs + pace.layerMs * layers,
    pace.stageMs + pace.layerMs * (layers + head),
  ])
}
