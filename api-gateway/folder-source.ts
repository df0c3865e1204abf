import { open, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ClusterError } from '../protocol/errors.ts'
import type { ModelSource } from '../core/model/model-source.ts'

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

function pathIn(folder: string, file: string): string {
  if (!file.split('/').every((part) => /^[^/\\.][^/\\]*$/.test(part)))
    throw new ClusterError('source_unavailable', `${file} is not the name of a file in a model's folder or below it`)
  return join(folder, file)
}

/**
 * A checkpoint in a folder on disk. Messages name it by its last part: they reach clients, to whom the disk is no business.
 * @param gguf the file that is the whole checkpoint; null for config.json and safetensors
 */
export const folderSource = (folder: string, gguf: string | null = null): ModelSource => ({
  label: basename(folder),
  ...(gguf === null ? {} : { gguf }),
  readText: async (file) => {
    try {
      return await readFile(pathIn(folder, file), 'utf8')
    } catch (cause) {
      if (isMissing(cause)) return null
      throw new ClusterError('source_unavailable', `${file} of ${basename(folder)} could not be read`, { cause })
    }
  },
  readRange: async (file, start, end, { signal, onBytes, into } = {}) => {
    if (signal?.aborted) throw new ClusterError('cancelled', `reading ${file} was cancelled`)
    const handle = await open(pathIn(folder, file)).catch((cause: unknown) => {
      throw new ClusterError('source_unavailable', `${file} of ${basename(folder)} could not be opened`, { cause })
    })
    try {
      const bytes = into ?? new Uint8Array(end - start)
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
      if (bytesRead < bytes.length) throw new ClusterError('bad_checkpoint', `${file} of ${basename(folder)} ends before byte ${end}`)
      onBytes?.(bytesRead)
      return bytes
    } finally {
      await handle.close()
    }
  },
})
