/** Models in a folder of this server: a folder with config.json, a folder with one GGUF file, or a GGUF file by itself. */
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { splitPart } from '../core/model/gguf-split.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import { isModelId, type ModelId } from '../protocol/ids.ts'
import { folderSource } from './folder-source.ts'

/** Where a checkpoint lies on this machine. */
export type ModelFiles = {
  readonly folder: string
  /** The file in it that is the whole checkpoint; null for config.json and safetensors. */
  readonly gguf: string | null
}
export type LocalModel = ModelFiles & {
  readonly id: ModelId
  /** Seconds since 1970. */
  readonly created: number
  /** What a wish names: the folder, or the file. */
  readonly source: string
}

export const openFiles = ({ folder, gguf }: ModelFiles): ModelSource => folderSource(folder, gguf)

/** Seconds since 1970 at which a file was written, or null when there is none. */
async function writtenAt(file: string): Promise<number | null> {
  const found = await stat(file).catch(() => null)
  return found?.isFile() ? Math.floor(found.mtimeMs / 1000) : null
}

/** Of a split file the first part, which stands for all. */
const isModelFile = (name: string): boolean => name.endsWith('.gguf') && !name.startsWith('.') && (splitPart(name)?.part ?? 1) === 1
const entriesIn = (folder: string): Promise<readonly Dirent[]> => readdir(folder, { withFileTypes: true }).catch(() => [])

async function ggufModel(id: ModelId, folder: string, gguf: string, within: string): Promise<LocalModel | null> {
  const created = await writtenAt(path.join(folder, gguf))
  return created === null ? null : { id, created, folder, gguf, source: `/models/${within}${within === '' ? '' : '/'}${encodeURIComponent(gguf)}` }
}

/** A model of this id below `root`, or null. */
export async function modelAt(root: string, id: ModelId): Promise<LocalModel | null> {
  const folder = path.join(root, id)
  const entries = await entriesIn(folder)
  const names = entries.map(({ name }) => name)
  const ggufs = names.filter(isModelFile)
  const created = await writtenAt(path.join(folder, 'config.json'))
  // Repositories that hold GGUF files often have a config.json beside them, and no other weights.
  if (created !== null && (ggufs.length === 0 || names.some((name) => name.endsWith('.safetensors'))))
    return { id, created, folder, gguf: null, source: `/models/${id}` }
  const [only] = ggufs
  // A folder with folders in it is an organization's.
  if (only !== undefined && ggufs.length === 1 && !entries.some((entry) => entry.isDirectory())) return ggufModel(id, folder, only, id)
  const name = path.posix.basename(id)
  const within = path.posix.dirname(id)
  return isModelFile(name) ? ggufModel(id, path.dirname(folder), name, within === '.' ? '' : within) : null
}

/** All models below `root`: `name` or `org/name`, and where a folder has several GGUF files, each of these below it. */
export async function modelsIn(root: string): Promise<readonly LocalModel[]> {
  const found: LocalModel[] = []
  const add = async (id: string): Promise<boolean> => {
    const model = isModelId(id) ? await modelAt(root, id) : null
    if (model) found.push(model)
    return model !== null
  }
  const walk = async (within: string, depth: number): Promise<void> => {
    for (const { name } of await entriesIn(path.join(root, within))) {
      if (name.startsWith('.')) continue
      const id = within === '' ? name : `${within}/${name}`
      // A folder that is a model is not looked into.
      if (!(await add(id)) && depth < 2) await walk(id, depth + 1)
    }
  }
  await walk('', 0)
  return found
}

/** The model that a path below `root` is a file of; null where it is of none. @param parts of the path, the file's name last */
export async function ownerOf(root: string, parts: readonly string[]): Promise<LocalModel | null> {
  for (const length of [1, 2, 3]) {
    const id = parts.slice(0, length).join('/')
    const model = isModelId(id) && length <= parts.length ? await modelAt(root, id) : null
    if (model) return model
  }
  // Another part of a split file.
  const split = splitPart(parts.at(-1) ?? '')
  if (!split || split.part === 1) return null
  const first = `${split.stem}-00001-of-${String(split.parts).padStart(5, '0')}.gguf`
  return ownerOf(root, [...parts.slice(0, -1), first])
}
