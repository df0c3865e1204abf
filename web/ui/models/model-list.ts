/** Which models a page shows, in which order. */
import type { ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { ModelCard } from '../../../protocol/catalog.ts'
import type { ModelId } from '../../../protocol/ids.ts'
import type { ModelFilterChoice } from './model-filter.ts'
import { modelName } from '../parts/ring-summary.ts'

export type ModelLists = {
  /** Wished for here, or on this server: what somebody is using or about to use. */
  readonly here: readonly ModelCard[]
  /** Everything else, fitting ones first, then by size. */
  readonly others: readonly ModelCard[]
}

/** What is known of a model that is wished for and of which the server has no card. */
const bareCard = (id: ModelId): ModelCard => ({
  id,
  name: modelName(id),
  family: null,
  licence: null,
  gated: null,
  place: 'hub',
  isRemovable: false,
  facts: null,
  isVerified: false,
  fit: null,
  error: null,
})

export const familiesOf = (cards: readonly ModelCard[]): readonly string[] =>
  [...new Set(cards.flatMap(({ family }) => family ?? []))].sort((a, b) => a.localeCompare(b))

const matches = (card: ModelCard, { family, onlyFitting, words }: ModelFilterChoice): boolean =>
  (family === null || card.family === family) &&
  (!onlyFitting || card.fit?.state === 'fits') &&
  words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => `${card.name} ${card.id} ${card.family ?? ''}`.toLowerCase().includes(word))

/** @param found what was looked up last, which stays in sight whatever the filter says */
export function modelLists(view: ClusterView, cards: readonly ModelCard[], choice: ModelFilterChoice, found: ModelId | null): ModelLists {
  const wished = [...view.wishes.keys()]
  const all = [...cards, ...wished.filter((id) => !cards.some((card) => card.id === id)).map(bareCard)]
  const isHere = (card: ModelCard): boolean => card.id === found || card.place === 'server' || wished.includes(card.id)
  const rank = (card: ModelCard): number => (card.fit?.state === 'fits' ? 0 : 1)
  const bySize = (a: ModelCard, b: ModelCard): number => rank(a) - rank(b) || (a.facts?.bytes ?? 0) - (b.facts?.bytes ?? 0)
  const order = (card: ModelCard): number => (card.id === found ? -1 : wished.includes(card.id) ? wished.indexOf(card.id) : wished.length)
  return {
    here: all.filter(isHere).sort((a, b) => order(a) - order(b)),
    others: all.filter((card) => !isHere(card) && matches(card, choice)).sort(bySize),
  }
}
