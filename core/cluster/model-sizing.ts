/** What placement needs to know of a model, from its description: bytes of any range held in any way, and ways in which it does not run. */
import { architectureOf } from '../arch/registry.ts'
import { tokenWork } from '../arch/weight-refs.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { estimateShard } from './estimate.ts'
import type { Holding, ModelSizing } from './sizing.ts'

/** Tokens a sequence may hold unless the wish says otherwise: KV for the 128k that some models permit would crowd out their weights. */
const DEFAULT_CONTEXT_LENGTH = 8192

/** Tries the whole model once for each way of holding it: what does not run says so when its graph is built. */
function refusalOf(model: ModelDescription, contextLength: number): ModelSizing['refusal'] {
  const known = new Map<string, string | null>()
  const attempt = (holding: Holding): string | null => {
    try {
      estimateShard(model, { startLayer: 0, endLayer: model.config.numLayers }, { ...holding, contextLength })
      return null
    } catch (error) {
      if (error instanceof ClusterError && error.code === 'unsupported_backend') return error.message
      throw error
    }
  }
  return (holding) => {
    const key = JSON.stringify([holding.backend, holding.weightFormat, holding.floatType])
    const reason = known.has(key) ? known.get(key) : attempt(holding)
    known.set(key, reason ?? null)
    return reason ?? null
  }
}

/** Sums up to each layer, in layers of mean size, and the head's. */
function workOf({ config }: ModelDescription): ModelSizing['work'] {
  const { layers, head } = tokenWork(config)
  const mean = layers.reduce((sum, work) => sum + work, 0) / layers.length
  const upTo = [0]
  for (const work of layers) upTo.push((upTo.at(-1) ?? 0) + work / mean)
  return ({ startLayer, endLayer }) => (upTo[endLayer] ?? 0) - (upTo[startLayer] ?? 0) + (endLayer === layers.length ? head / mean : 0)
}

/** @param wanted tokens a sequence may hold, prompt and answer together; null = what the model permits, up to a default */
export function modelSizing(model: ModelDescription, wanted: number | null): ModelSizing {
  const contextLength = Math.min(wanted ?? DEFAULT_CONTEXT_LENGTH, model.contextLength)
  // A placement asks for the same ranges again and again.
  const known = new Map<string, number>()
  return {
    numLayers: model.config.numLayers,
    contextLength,
    hiddenSize: model.config.hiddenSize,
    needsF32: architectureOf(model.config.modelType).needsF32 ?? false,
    refusal: refusalOf(model, contextLength),
    shardBytes: (range, holding) => {
      const key = [range.startLayer, range.endLayer, holding.backend, holding.weightFormat, holding.floatType].join()
      const bytes = known.get(key) ?? estimateShard(model, range, { ...holding, contextLength }).totalBytes
      known.set(key, bytes)
      return bytes
    },
    work: workOf(model),
  }
}
