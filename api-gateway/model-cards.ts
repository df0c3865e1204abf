/** Models as people choose among them: those of this server, of the catalogue, and those of the hub that somebody asked about. */
import { CHECKPOINTS, type Checkpoint } from '../core/catalog/checkpoints.ts'
import { devicesOf, type ClusterView } from '../core/cluster/cluster-view.ts'
import type { ModelDescription } from '../core/model/model-description.ts'
import type { ModelCard } from '../protocol/catalog.ts'
import type { Quality } from '../protocol/cluster.ts'
import { toClusterError, toWireError, type WireError } from '../protocol/errors.ts'
import type { ModelId } from '../protocol/ids.ts'
import type { Weighed } from './fit.worker.ts'
import type { ModelCatalog, ModelEntry } from './model-catalog.ts'
import type { ModelFits } from './model-fits.ts'

export type ModelCards = {
  readonly list: (quality: Quality) => Promise<readonly ModelCard[]>
  /** One card, with what the checkpoint itself says. @throws {ClusterError} as ModelCatalog.choose and describe do */
  readonly card: (reference: string, quality: Quality) => Promise<ModelCard>
}

export type ModelCardsOptions = {
  readonly models: ModelCatalog
  readonly fits: ModelFits
  readonly view: () => ClusterView
  /** The model's files lie where this server may delete them. */
  readonly isRemovable: (entry: ModelEntry) => boolean
}

/** A model before it is weighed. `entry` of null: nobody has asked the hub yet. */
type Known = {
  readonly id: ModelId
  readonly entry: ModelEntry | null
  readonly description: ModelDescription | null
  readonly error: WireError | null
}

const stated = (id: ModelId): Checkpoint | undefined => CHECKPOINTS.find((checkpoint) => checkpoint.id === id)
const lastPart = (id: ModelId): string => id.split('/').at(-1) ?? id

export function createModelCards({ models, fits, view, isRemovable }: ModelCardsOptions): ModelCards {
  const read = async (entry: ModelEntry): Promise<Known> => {
    try {
      return { id: entry.id, entry, description: await models.describe(entry), error: null }
    } catch (error) {
      return { id: entry.id, entry, description: null, error: toWireError(toClusterError(error)) }
    }
  }

  function cardOf({ id, entry, description, error }: Known, weighed: Weighed | null): ModelCard {
    const checkpoint = stated(id)
    const failure = error ?? (weighed && 'error' in weighed ? weighed.error : null)
    const known = weighed && 'facts' in weighed ? weighed : null
    return {
      id,
      name: checkpoint?.name ?? lastPart(id),
      family: checkpoint?.family ?? null,
      licence: checkpoint?.licence ?? null,
      gated: checkpoint?.gated ?? null,
      place: (entry?.files ?? null) === null ? 'hub' : 'server',
      isRemovable: entry !== null && isRemovable(entry),
      facts: known?.facts ?? null,
      isVerified: description !== null,
      fit: known?.fit ?? null,
      error: failure ? { code: failure.code, message: failure.message } : null,
    }
  }

  async function cardsOf(known: readonly Known[], quality: Quality): Promise<readonly ModelCard[]> {
    const weighable = known.filter(({ error }) => error === null)
    const weighed = await fits.weigh({
      devices: devicesOf(view()),
      wishes: [...view().wishes.values()],
      placements: [...view().placements.values()],
      quality,
      models: weighable.map(({ id, entry, description }) => ({
        id,
        description,
        key: description === null || entry === null ? `stated ${id}` : `${entry.source} ${entry.created}`,
      })),
    })
    return known.map((one) => cardOf(one, weighed[weighable.indexOf(one)] ?? null))
  }

  return {
    list: async (quality) => {
      const own = await Promise.all([...(await models.list()), ...models.described()].map(read))
      const rest = CHECKPOINTS.filter(({ id }) => !own.some((known) => known.id === id))
      return cardsOf([...own, ...rest.map(({ id }) => ({ id, entry: null, description: null, error: null }))], quality)
    },
    card: async (reference, quality) => {
      const entry = await models.choose(reference)
      const [card] = await cardsOf([{ id: entry.id, entry, description: await models.describe(entry), error: null }], quality)
      if (!card) throw new Error('a model without a card')
      return card
    },
  }
}
