/** What a device could lend, in sentences: before anything was downloaded. */
import type { ShareEstimate } from '../../../runtime/measure/estimate-share.ts'
import { BACKEND_NAMES } from '../cluster/device-rows.ts'
import { countOf, formatLayers, formatMilliseconds } from '../parts/quantities.ts'
import { modelName } from '../parts/ring-summary.ts'

export type EstimateWords = { readonly headline: string; readonly detail: string }

/** `This device can hold layers 4–7 of Ember, about 0.4 ms each.` @param share part of the time that it may compute */
export function estimateWords(estimate: ShareEstimate, share = 1): EstimateWords {
  const { model, range, mostLayers, numLayers, layerMs, weightFormat, capabilities } = estimate
  const each = `about ${formatMilliseconds(layerMs / share)} each for a token`
  const how = `Measured just now with a few layers of random weights on ${BACKEND_NAMES[capabilities.backend]}, held as ${weightFormat}.`
  const nothing = 'Nothing has been downloaded.'
  if (model === null) {
    return {
      headline: `A layer of a small model takes this device about ${formatMilliseconds(layerMs / share)} for a token.`,
      detail: `Nobody has asked for a model yet. ${how} ${nothing}`,
    }
  }
  if (mostLayers === 0)
    return {
      headline: `Not one layer of ${modelName(model)} fits into the memory you lend.`,
      detail: `Lend more memory to take part. ${how} ${nothing}`,
    }
  if (range === null) {
    const room = mostLayers >= numLayers ? `all ${countOf(numLayers, 'layer')}` : `up to ${countOf(mostLayers, 'layer')}`
    return {
      headline: `This device can hold ${room} of ${modelName(model)}, ${each}.`,
      detail: `The ring would keep it as a spare for now: the others do without. ${how} ${nothing}`,
    }
  }
  return {
    headline: `This device can hold ${formatLayers(range.startLayer, range.endLayer)} of ${modelName(model)}, ${each}.`,
    detail: `Those it would get if it joined now; ${mostLayers >= numLayers ? 'the whole model would fit' : `up to ${countOf(mostLayers, 'layer')} would fit`}. ${how} ${nothing}`,
  }
}
