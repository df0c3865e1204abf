/** A model's card in words: what it is, what it takes, whether it fits. */
import type { Fit, ModelCard, ModelFacts } from '../../../protocol/catalog.ts'
import type { Quality } from '../../../protocol/cluster.ts'
import { countOf, formatBytes } from '../parts/quantities.ts'

export const QUALITY_WORDS: Readonly<Record<Quality, { readonly label: string; readonly hint: string }>> = {
  quality: { label: 'Most exact', hint: 'Weights as the publisher made them, wherever they fit. Takes the most memory.' },
  balanced: { label: 'Balanced', hint: 'As each device computes best, smaller where that does not fit.' },
  small: { label: 'Smallest', hint: 'Weights in the fewest bits that each device holds. Answers may be a little worse.' },
}

/** `1.2 B`, `270 M`: parameters as their publishers count them. */
export function formatCount(count: number): string {
  const [unit, size] = count >= 1e9 ? ['B', 1e9] : count >= 1e6 ? ['M', 1e6] : ['k', 1e3]
  const value = count / size
  return `${value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${unit}`
}

/** Tokens in the units of their publishers, which are powers of two: `8 k`, `128 k`, in one piece. */
export const formatTokens = (tokens: number): string => (tokens >= 1024 ? `${Math.round(tokens / 1024)}\u00a0k` : String(tokens))

/** One line: size, bytes on the wire, context. What nobody has read yet is said to be about so much. */
export function factsLine({ facts, isVerified }: Pick<ModelCard, 'facts' | 'isVerified'>): string {
  if (!facts) return ''
  const about = isVerified ? '' : 'about '
  return `${formatCount(facts.parameters)} parameters · ${about}${formatBytes(facts.bytes)} to read · ${formatTokens(facts.contextLength)} tokens of context`
}

export function factsTable(facts: ModelFacts): readonly (readonly [string, string])[] {
  return [
    ['Architecture', facts.modelType],
    ['Layers', String(facts.layers)],
    ['Hidden size', facts.hiddenSize.toLocaleString('en')],
    ['Attention heads', facts.heads === facts.kvHeads ? String(facts.heads) : `${facts.heads}, ${facts.kvHeads} of keys and values`],
    ['Head size', String(facts.headDim)],
    ['Vocabulary', `${facts.vocabSize.toLocaleString('en')}${facts.tied ? ', shared with the output' : ''}`],
    ['Context', `${facts.contextLength.toLocaleString('en')} tokens`],
  ]
}

export type FitWords = { readonly tone: 'good' | 'bad' | 'plain'; readonly text: string }
export function fitWords(fit: Fit | null): FitWords | null {
  switch (fit?.state) {
    case undefined:
      return null
    case 'fits':
      return { tone: 'good', text: fit.devices === 1 ? 'Fits on 1 device here' : `Fits over ${countOf(fit.devices, 'device')} here` }
    case 'short':
      return { tone: 'bad', text: `Short by ${formatBytes(fit.missingBytes)} of memory` }
    case 'refused':
      return { tone: 'bad', text: fit.reason }
    case 'no-devices':
      return {
        tone: 'plain',
        text: fit.neededBytes === null ? 'No device lends memory yet' : `Needs about ${formatBytes(fit.neededBytes)} of memory`,
      }
  }
}

/** What the terms of a model ask of whoever runs the server. */
export const licenceWords = ({ licence, gated }: Pick<ModelCard, 'licence' | 'gated'>): string =>
  [licence === null ? null : `Licence: ${licence}`, gated ? 'its publisher asks you to accept terms first' : null]
    .filter((part) => part !== null)
    .join(' · ')
