/**
 * Exact shares along a given order, for layers that need not be alike: f[j][l] = min over l' of f[j−1][l'] + stage j of layers l'..l,
 * memory and the time that a stage may take as feasibility. O(devices · layers²).
 */
import type { LayerRange, ModelSizing } from '../sizing.ts'
import { stageMsOf, type PacedDevice } from './lap-model.ts'

/** @param limitMs most that a stage may take @returns null when no shares fit */
export function partition(order: readonly PacedDevice[], sizing: ModelSizing, limitMs: number): readonly LayerRange[] | null {
  const { numLayers } = sizing
  const width = numLayers + 1
  const best = new Float64Array((order.length + 1) * width).fill(Infinity)
  const from = new Int32Array((order.length + 1) * width).fill(-1)
  best[0] = 0
  for (const [j, device] of order.entries()) {
    const isLast = j === order.length - 1
    for (let startLayer = j; startLayer < numLayers; startLayer++) {
      const cost = best[j * width + startLayer] ?? Infinity
      if (cost === Infinity) continue
      const furthest = numLayers - (order.length - 1 - j)
      for (let endLayer = isLast ? numLayers : startLayer + 1; endLayer <= furthest; endLayer++) {
        const range = { startLayer, endLayer }
        const ms = stageMsOf(device, range, sizing)
        if (ms > limitMs * (1 + 1e-9) || sizing.shardBytes(range, device.holding) > device.memoryBytes) break
        const at = (j + 1) * width + endLayer
        if (cost + ms >= (best[at] ?? Infinity)) continue
        best[at] = cost + ms
        from[at] = startLayer
      }
    }
  }
  if (best[order.length * width + numLayers] === Infinity) return null
  const ranges: LayerRange[] = []
  for (let j = order.length, endLayer = numLayers; j > 0; j--) {
    const startLayer = from[j * width + endLayer] ?? 0
    ranges.unshift({ startLayer, endLayer })
    endLayer = startLayer
  }
  return ranges
}
