/** What makes a folder on disk a model: a config.json beside safetensors, or a GGUF file. */
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { splitPart } from '../core/model/gguf-split.ts'

export type CheckpointFolder = {
  /** Seconds since 1970 at which it was written. */
  readonly created: number
  /** The file that is the whole checkpoint, the first part where it is split; null for config.json and safetensors. */
  readonly gguf: string | null
}

async function writtenAt(file: string): Promise<number | null> {
  const found = await stat(file).catch(() => null)
  return found?.isFile() ? Math.floor(found.mtimeMs / 1000) : null
}

/** Null where `folder` holds no model, or several GGUF files of which none is the one. */
export async function checkpointIn(folder: string): Promise<CheckpointFolder | null> {
  const created = await writtenAt(path.join(folder, 'config.json'))
  if (created !== null) return { created, gguf: null }
  const files = await readdir(folder).catch(() => [])
  const [gguf, ...others] = files.filter((file) => file.endsWith('.gguf') && (splitPart(file)?.part ?? 1) === 1)
  if (gguf === undefined || others.length > 0) return null
  const written = await writtenAt(path.join(folder, gguf))
  return written === null ? null : { created: written, gguf }
}
