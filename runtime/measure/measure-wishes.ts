/** Keeps what a device offers current: of each model that is wished for, what a layer takes on it. */
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { Capabilities, LayerSpeed, Wish } from '../../protocol/cluster.ts'
import type { PortNetwork } from '../ports/port-network.ts'
import { jobFor, speedsOf, WISH_DEADLINE_MS, type RunMeasurement } from './choose-backend.ts'

/** Lines of `layerSpeeds`: the newest stay. */
const MOST_LINES = 32

export type MeasureWishesOptions = {
  readonly network: Pick<PortNetwork, 'view' | 'onView' | 'setCapabilities'>
  readonly capabilities: Capabilities
  readonly modelOf: (source: string) => Promise<ModelDescription>
  readonly run: RunMeasurement
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

/** Measures one model after the other. @returns the way to stop */
export function measureWishes({ network, capabilities, modelOf, run, log }: MeasureWishesOptions): () => void {
  let lines: readonly LayerSpeed[] = capabilities.layerSpeeds ?? []
  const seen = new Set(lines.map(({ model }) => model))
  let [isOver, turn] = [false, Promise.resolve()]

  async function measure({ model, source, quality, contextLength }: Wish): Promise<void> {
    if (isOver) return
    const job = jobFor(capabilities, { description: await modelOf(source), model, quality, contextLength }, false)
    if (typeof job === 'string') return
    const measurement = await run(job, WISH_DEADLINE_MS)
    if (isOver) return
    if (measurement.outcome === 'out') return log('a layer could not be measured', { model, cause: measurement.reason })
    lines = [...lines.filter((line) => line.model !== model), ...speedsOf(model, measurement.speeds)].slice(-MOST_LINES)
    network.setCapabilities({ ...capabilities, layerSpeeds: lines })
  }

  function look(): void {
    for (const wish of network.view().wishes.values()) {
      if (seen.has(wish.model) || (wish.state !== 'serve' && wish.state !== 'prefetch')) continue
      seen.add(wish.model)
      turn = turn
        .then(() => measure(wish))
        // Its checkpoint cannot be read, say: the placement finds that out too.
        .catch((error: unknown) => log('a layer could not be measured', { model: wish.model, cause: String(error) }))
    }
  }

  const stop = network.onView(look)
  look()
  return () => {
    isOver = true
    stop()
  }
}
