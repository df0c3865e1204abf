/** The models that this server can have served: those in its folders, those at addresses it was given, those of its hub. */
import path from 'node:path'
import { describeModel } from '../core/model/describe-model.ts'
import type { ModelDescription } from '../core/model/model-description.ts'
import { parseModelReference } from '../core/model/model-reference.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import { readEmbeddingCard, type EmbeddingCard } from '../core/text/embedding-card.ts'
import { loadText, type TextModel } from '../core/text/text-model.ts'
import { ClusterError } from '../protocol/errors.ts'
import { isModelId, type ModelId } from '../protocol/ids.ts'
import type { HubModels } from './hub-models.ts'
import { modelAt, modelsIn, openFiles, ownerOf, type LocalModel, type ModelFiles } from './model-folders.ts'

export type ModelEntry = {
  readonly id: ModelId
  /** Seconds since 1970. */
  readonly created: number
  readonly ownedBy: string
  /** Where this server has its files; null when it has none. */
  readonly files: ModelFiles | null
  /** What a wish names for devices to read: a path of this server, or a URL; of a folder, or of a GGUF file. */
  readonly source: string
}

export type ModelCatalog = {
  readonly list: () => Promise<readonly ModelEntry[]>
  /** @throws {ClusterError} model_not_found; `name` may be anything a client sent */
  readonly find: (name: unknown) => Promise<ModelEntry>
  /**
   * As `find`, of what a person wrote: a name, or an address of the hub.
   * @throws {ClusterError} invalid_value, model_not_found, source_unavailable
   */
  readonly choose: (reference: string) => Promise<ModelEntry>
  /** The files of a model that this server has, or null. Never asks the hub. */
  readonly filesOf: (id: ModelId) => Promise<ModelFiles | null>
  /** The file that a path below `/models/` names, or null. @param parts of the path, decoded */
  readonly locate: (parts: readonly string[]) => Promise<{ readonly model: ModelId; readonly folder: string; readonly file: string } | null>
  /** Loaded once and kept. @throws {ClusterError} source_unavailable, bad_checkpoint, unsupported_model */
  readonly text: (entry: ModelEntry) => Promise<TextModel>
  /** How its vectors are made, or null where it is no model of embeddings. @throws {ClusterError} source_unavailable, bad_checkpoint, unsupported_field */
  readonly embedding: (entry: ModelEntry) => Promise<EmbeddingCard | null>
  /** Read once and kept, headers of its weights only. @throws {ClusterError} source_unavailable, bad_checkpoint, unsupported_model */
  readonly describe: (entry: ModelEntry) => Promise<ModelDescription>
  /** The models of the hub that have been described. */
  readonly described: () => readonly ModelEntry[]
  /** Forgets what is kept of a model whose files are gone. */
  readonly drop: (id: ModelId) => void
}

const notFound = (name: unknown): ClusterError => {
  const message =
    typeof name === 'string' && name !== ''
      ? `the model ${JSON.stringify(name.slice(0, 100))} does not exist here; GET /v1/models lists what does`
      : 'the request names no model; set `model` to one that GET /v1/models lists'
  return new ClusterError('model_not_found', message, { detail: { param: 'model' } })
}

const localEntry = ({ id, created, folder, gguf, source }: LocalModel): ModelEntry => ({
  id,
  created,
  ownedBy: 'ringlet',
  files: { folder, gguf },
  source,
})
const farEntry = (id: ModelId, ownedBy: string, source: string): ModelEntry => ({ id, created: 0, ownedBy, files: null, source })

export type CatalogOptions = {
  /** Searched in order; the first that has a name wins. */
  readonly folders: readonly string[]
  /** Models at addresses that this server was started with. */
  readonly addresses?: ReadonlyMap<ModelId, string>
  /** Comes last. */
  readonly hub?: HubModels | null
  /** Opens a source that is no folder of this server. @throws {ClusterError} source_unavailable */
  readonly openFar?: (source: string) => ModelSource
}

/** Keeps what was loaded for a key; a failed load is tried again by the next request. */
function kept<T>(): (key: string, load: () => Promise<T>) => Promise<T> {
  const known = new Map<string, Promise<T>>()
  return (key, load) => {
    const loading = known.get(key) ?? load()
    known.set(key, loading)
    loading.catch(() => known.delete(key))
    return loading
  }
}

export function createModelCatalog({ folders, addresses = new Map<ModelId, string>(), hub = null, openFar }: CatalogOptions): ModelCatalog {
  const texts = kept<TextModel>()
  const cards = kept<EmbeddingCard | null>()
  const descriptions = new Map<string, { readonly entry: ModelEntry; readonly model: Promise<ModelDescription> }>()
  const openSource = ({ id, files, source }: ModelEntry): ModelSource => {
    if (files) return openFiles(files)
    if (openFar) return openFar(source)
    throw notFound(id)
  }
  /** Files that were written anew are another model. */
  const keyOf = ({ source, created }: ModelEntry): string => `${source} ${created}`
  const list = async (): Promise<readonly ModelEntry[]> => {
    const local = (await Promise.all(folders.map(modelsIn))).flat().map(localEntry)
    const all = [...local, ...[...addresses].map(([id, address]) => farEntry(id, 'address', address))]
    return all.filter((entry, at) => all.findIndex((other) => other.id === entry.id) === at).sort((a, b) => (a.id < b.id ? -1 : 1))
  }
  const localModel = async (id: ModelId): Promise<LocalModel | null> => {
    for (const root of folders) {
      const model = await modelAt(root, id)
      if (model) return model
    }
    return null
  }
  const find = async (name: unknown): Promise<ModelEntry> => {
    if (!isModelId(name)) throw notFound(name)
    const local = await localModel(name)
    if (local) return localEntry(local)
    const address = addresses.get(name)
    if (address !== undefined) return farEntry(name, 'address', address)
    const source = hub ? await hub.find(name) : null
    if (source === null) throw notFound(name)
    return farEntry(name, 'hub', source)
  }
  return {
    list,
    find,
    choose: async (reference) => find(parseModelReference(reference, hub?.endpoint ?? null)),
    filesOf: localModel,
    locate: async (parts) => {
      if (parts.some((part) => part === '' || part.startsWith('.'))) return null
      for (const root of folders) {
        const owner = await ownerOf(root, parts)
        if (owner) return { model: owner.id, folder: owner.folder, file: path.relative(owner.folder, path.join(root, ...parts)) }
      }
      return null
    },
    text: (entry) => texts(keyOf(entry), async () => loadText(openSource(entry))),
    embedding: (entry) => cards(keyOf(entry), async () => readEmbeddingCard(openSource(entry))),
    describe: (entry) => {
      const key = keyOf(entry)
      const known = descriptions.get(key)
      if (known) return known.model
      const model = describeModel(openSource(entry))
      descriptions.set(key, { entry, model })
      model.catch(() => descriptions.delete(key))
      return model
    },
    described: () => [...descriptions.values()].map(({ entry }) => entry).filter(({ files }) => files === null),
    drop: (id) => {
      for (const [key, { entry }] of descriptions) if (entry.id === id) descriptions.delete(key)
    },
  }
}
