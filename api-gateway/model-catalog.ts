/** The models that this server has files of: `name` or `org/name` below one of its folders. */
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import type { ModelSource } from '../core/model/model-source.ts'
import { loadText, type TextModel } from '../core/text/text-model.ts'
import { ClusterError } from '../protocol/errors.ts'
import { isModelId, type ModelId } from '../protocol/ids.ts'
import { folderSource } from './folder-source.ts'
import type { HubModels } from './hub-models.ts'

export type ModelEntry = {
  readonly id: ModelId
  /** Seconds since 1970. */
  readonly created: number
  readonly ownedBy: string
  /** Where this server has its files; null when only the hub has. */
  readonly folder: string | null
  /** What a wish names for devices to read: a path of this server, or a URL of its hub. */
  readonly source: string
}

export type ModelCatalog = {
  readonly list: () => Promise<readonly ModelEntry[]>
  /** @throws {ClusterError} model_not_found; `name` may be anything a client sent */
  readonly find: (name: unknown) => Promise<ModelEntry>
  /** The folder of a model whose files this server has, or null. Never asks the hub. */
  readonly folderOf: (name: string) => Promise<string | null>
  /** Loaded once and kept. @throws {ClusterError} source_unavailable, bad_checkpoint, unsupported_model */
  readonly text: (entry: ModelEntry) => Promise<TextModel>
}

/** Seconds since 1970 at which the checkpoint was written, or null when `folder` holds none. */
async function checkpointTime(folder: string): Promise<number | null> {
  const config = await stat(path.join(folder, 'config.json')).catch(() => null)
  return config?.isFile() ? Math.floor(config.mtimeMs / 1000) : null
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => entry.name)
}

async function entriesIn(root: string): Promise<readonly ModelEntry[]> {
  const found: ModelEntry[] = []
  const add = async (name: string): Promise<boolean> => {
    const folder = path.join(root, name)
    const created = isModelId(name) ? await checkpointTime(folder) : null
    if (created === null || !isModelId(name)) return false
    found.push({ id: name, created, ownedBy: 'ringlet', folder, source: `/models/${name}` })
    return true
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
  const texts = new Map<ModelId, Promise<TextModel>>()
  const openSource = ({ id, folder }: ModelEntry): ModelSource => {
    if (folder !== null) return folderSource(folder)
    if (hub) return hub.open(id)
    throw notFound(id)
  }
  const list = async (): Promise<readonly ModelEntry[]> => {
    const all = (await Promise.all(folders.map(entriesIn))).flat()
    return all.filter((entry, at) => all.findIndex((other) => other.id === entry.id) === at).sort((a, b) => (a.id < b.id ? -1 : 1))
  }
  return {
    list,
    find: async (name) => {
      if (!isModelId(name)) throw notFound(name)
      for (const root of folders) {
        const folder = path.join(root, name)
        const created = await checkpointTime(folder)
        if (created !== null) return { id: name, created, ownedBy: 'ringlet', folder, source: `/models/${name}` }
      }
      if (hub && (await hub.has(name))) return { id: name, created: 0, ownedBy: 'hub', folder: null, source: hub.url(name) }
      throw notFound(name)
    },
    folderOf: async (name) => {
      if (!isModelId(name)) return null
      for (const root of folders) if ((await checkpointTime(path.join(root, name))) !== null) return path.join(root, name)
      return null
    },
    text: (entry) => {
      const known = texts.get(entry.id)
      if (known) return known
      const loading = loadText(openSource(entry))
      texts.set(entry.id, loading)
      // A failed load is tried again by the next request.
      loading.catch(() => texts.delete(entry.id))
      return loading
    },
  }
}
