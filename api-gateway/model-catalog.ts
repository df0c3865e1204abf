/** The models that this server has files of: `name` or `org/name` below one of its folders. */
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { describeModel } from '../core/model/describe-model.ts'
import type { ModelDescription } from '../core/model/model-description.ts'
import { parseModelReference } from '../core/model/model-reference.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import { loadText, type TextModel } from '../core/text/text-model.ts'
import { ClusterError } from '../protocol/errors.ts'
import { isModelId, type ModelId } from '../protocol/ids.ts'
import { checkpointIn } from './checkpoint-folder.ts'
import { folderSource } from './folder-source.ts'
import type { HubModels } from './hub-models.ts'

export type ModelEntry = {
  readonly id: ModelId
  /** Seconds since 1970. */
  readonly created: number
  readonly ownedBy: string
  /** Where this server has its files; null when only the hub has. */
  readonly folder: string | null
  /** The file in `folder` that is the checkpoint, where it is one of GGUF's format. */
  readonly gguf: string | null
  /** Of the hub. */
  readonly revision: string
  /** What a wish names for devices to read: a path of this server, or a URL of its hub. */
  readonly source: string
}

export type ModelCatalog = {
  readonly list: () => Promise<readonly ModelEntry[]>
  /** @throws {ClusterError} model_not_found; `name` may be anything a client sent */
  readonly find: (name: unknown) => Promise<ModelEntry>
  /**
   * As `find`, of what a person wrote: a name, perhaps with a revision, or an address of the hub. The revision stands from here on.
   * @throws {ClusterError} invalid_value, model_not_found, source_unavailable
   */
  readonly choose: (reference: string) => Promise<ModelEntry>
  /** The folder of a model whose files this server has, or null. Never asks the hub. */
  readonly folderOf: (name: string) => Promise<string | null>
  /** Loaded once and kept. @throws {ClusterError} source_unavailable, bad_checkpoint, unsupported_model */
  readonly text: (entry: ModelEntry) => Promise<TextModel>
  /** Read once and kept, headers of its weights only. @throws {ClusterError} source_unavailable, bad_checkpoint, unsupported_model */
  readonly describe: (entry: ModelEntry) => Promise<ModelDescription>
  /** The models of the hub that have been described. */
  readonly described: () => readonly ModelEntry[]
  /** Forgets what is kept of a model whose files are gone. */
  readonly drop: (id: ModelId) => void
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => entry.name)
}

/** Null where a folder of `root` holds no model of that name. */
async function entryIn(root: string, name: string): Promise<ModelEntry | null> {
  const folder = path.join(root, name)
  const found = isModelId(name) ? await checkpointIn(folder) : null
  if (!found || !isModelId(name)) return null
  const { created, gguf } = found
  const source = `/models/${name}${gguf === null ? '' : `/${encodeURIComponent(gguf)}`}`
  return { id: name, created, ownedBy: 'ringlet', folder, gguf, revision: 'main', source }
}

async function entriesIn(root: string): Promise<readonly ModelEntry[]> {
  const found: ModelEntry[] = []
  const add = async (name: string): Promise<boolean> => {
    const entry = await entryIn(root, name)
    if (entry) found.push(entry)
    return entry !== null
  }
  for (const name of await foldersIn(root)) {
    if (await add(name)) continue
    for (const inner of await foldersIn(path.join(root, name))) await add(`${name}/${inner}`)
  }
  return found
}

const notFound = (name: unknown): ClusterError => {
  const message =
    typeof name === 'string' && name !== ''
      ? `the model ${JSON.stringify(name.slice(0, 100))} does not exist here; GET /v1/models lists what does`
      : 'the request names no model; set `model` to one that GET /v1/models lists'
  return new ClusterError('model_not_found', message, { detail: { param: 'model' } })
}

/** @param folders searched in order; the first that has a name wins, and `hub` comes last */
export function createModelCatalog(folders: readonly string[], hub: HubModels | null = null): ModelCatalog {
  const texts = new Map<string, Promise<TextModel>>()
  const descriptions = new Map<string, { readonly entry: ModelEntry; readonly model: Promise<ModelDescription> }>()
  const revisions = new Map<ModelId, string>()
  const openSource = (entry: ModelEntry): ModelSource => {
    if (entry.folder !== null) return folderSource(entry.folder, entry.gguf)
    if (hub) return hub.open(entry)
    throw notFound(entry.id)
  }
  /** Files that were written anew are another model. */
  const keyOf = ({ source, created }: ModelEntry): string => `${source} ${created}`
  const list = async (): Promise<readonly ModelEntry[]> => {
    const all = (await Promise.all(folders.map(entriesIn))).flat()
    return all.filter((entry, at) => all.findIndex((other) => other.id === entry.id) === at).sort((a, b) => (a.id < b.id ? -1 : 1))
  }
  const find = async (name: unknown): Promise<ModelEntry> => {
    if (!isModelId(name)) throw notFound(name)
    for (const root of folders) {
      const entry = await entryIn(root, name)
      if (entry) return entry
    }
    const reference = { id: name, revision: revisions.get(name) ?? 'main' }
    if (hub && (await hub.has(reference))) return { ...reference, created: 0, ownedBy: 'hub', folder: null, gguf: null, source: hub.url(reference) }
    throw notFound(name)
  }
  return {
    list,
    find,
    choose: async (reference) => {
      const { id, revision } = parseModelReference(reference, hub?.endpoint ?? null)
      const before = revisions.get(id)
      revisions.set(id, revision)
      try {
        return await find(id)
      } catch (error) {
        if (before === undefined) revisions.delete(id)
        else revisions.set(id, before)
        throw error
      }
    },
    folderOf: async (name) => {
      if (!isModelId(name)) return null
      for (const root of folders) if ((await checkpointIn(path.join(root, name))) !== null) return path.join(root, name)
      return null
    },
    text: (entry) => {
      const key = keyOf(entry)
      const known = texts.get(key)
      if (known) return known
      const loading = loadText(openSource(entry))
      texts.set(key, loading)
      // A failed load is tried again by the next request.
      loading.catch(() => texts.delete(key))
      return loading
    },
    describe: (entry) => {
      const key = keyOf(entry)
      const known = descriptions.get(key)
      if (known) return known.model
      const model = describeModel(openSource(entry))
      descriptions.set(key, { entry, model })
      model.catch(() => descriptions.delete(key))
      return model
    },
    described: () => [...descriptions.values()].map(({ entry }) => entry).filter(({ folder }) => folder === null),
    drop: (id) => {
      for (const [key, { entry }] of descriptions) if (entry.id === id) descriptions.delete(key)
      revisions.delete(id)
    },
  }
}
