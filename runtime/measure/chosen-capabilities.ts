/** What a device offers when it joins. */
import type { Network } from '../../core/cluster/network.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import type { Capabilities } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { chooseBackend, type MeasuredModel, type RunMeasurement } from './choose-backend.ts'
import { referenceModel } from './reference-model.ts'

export type ChoiceOptions = {
  readonly network: Pick<Network, 'view'>
  readonly openSource: (source: string) => ModelSource
  readonly measure: RunMeasurement
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

/** The model that somebody wishes for, else one that stands for others. Reads its description only. */
export async function measuredModel({ network, openSource, log }: ChoiceOptions): Promise<MeasuredModel> {
  const wish = [...network.view().wishes.values()].find(({ state }) => state === 'serve')
  if (wish) {
    try {
      const { model, quality, contextLength } = wish
      return { description: await describeModel(openSource(wish.source)), model, quality, contextLength }
    } catch (error) {
      // Placement will say so too; the device can be measured on another.
      log('the model that is wished for could not be described', { model: wish.model, cause: String(error) })
    }
  }
  return { description: referenceModel(), model: null, quality: 'balanced', contextLength: null }
}

/**
 * One candidate is what a person insists on. Of several the fastest right one, measured.
 * @throws {ClusterError} unsupported_backend when none is right
 */
export async function chosenOf(candidates: readonly Capabilities[], options: ChoiceOptions): Promise<Capabilities> {
  const [only, ...others] = candidates
  if (!only) throw new ClusterError('unsupported_backend', 'this device has no backend')
  if (others.length === 0) return only
  const chosen = await chooseBackend(candidates, await measuredModel(options), options.measure)
  options.log('a backend was chosen', { reason: chosen.backendReason })
  return chosen
}
