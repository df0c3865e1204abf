/** One backend of a device on trial: right first, then how fast. */
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { Capabilities, LayerSpeed, WeightFormat } from '../../protocol/cluster.ts'
import { toClusterError } from '../../protocol/errors.ts'
import type { BackendRuntime } from '../engines/load-options.ts'
import { timeLayer } from './layer-time.ts'
import { selfTest, type OpenKnownShard } from './self-test.ts'

/** Plain data: it may cross to a worker. */
export type MeasureJob = {
  readonly model: ModelDescription
  readonly capabilities: Capabilities
  /** The one that the model would be held in first. */
  readonly formats: readonly WeightFormat[]
  /** Whether known answers come first. */
  readonly checks: boolean
}

export type FormatSpeed = Omit<LayerSpeed, 'model'>
export type Measurement =
  | { readonly outcome: 'timed'; readonly speeds: readonly FormatSpeed[] }
  /** In words that follow the backend's name and a colon. */
  | { readonly outcome: 'out'; readonly reason: string }

/** What a worker that tries a backend says. */
export type TrialMessage = { readonly type: 'opened' } | { readonly type: 'done'; readonly measurement: Measurement }

/** Rounds of one format take no longer. */
const ROUNDS_MS = 60
/** Further formats are only measured within it. */
const BUDGET_MS = 400

export type Trial = {
  /** Opens what the backend runs on. */
  readonly open: (capabilities: Capabilities) => Promise<BackendRuntime>
  readonly openShard: OpenKnownShard
  /** Monotonic, milliseconds. */
  readonly now: () => number
}

/** Never throws: what is wrong is the measurement. */
export async function measureBackend({ model, capabilities, formats, checks }: MeasureJob, { open, openShard, now }: Trial): Promise<Measurement> {
  try {
    const runtime = await open(capabilities)
    const [first = 'f32'] = formats
    if (checks) await selfTest(runtime, first, openShard)
    const speeds: FormatSpeed[] = []
    const end = now() + BUDGET_MS
    for (const weightFormat of formats) {
      if (speeds.length > 0 && now() > end) break
      speeds.push({ weightFormat, layerMs: await timeLayer({ ...runtime, model, weightFormat, now, budgetMs: ROUNDS_MS }) })
    }
    return { outcome: 'timed', speeds }
  } catch (error) {
    return { outcome: 'out', reason: toClusterError(error).message }
  }
}
