/** Files of one checkpoint in a folder of this machine. */
import { open, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { ModelSource } from '../core/model/model-source.ts'
import { ClusterError } from '../protocol/errors.ts'

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

export function folderSource(folder: string): ModelSource {
  const unavailable = (file: string, cause: unknown): ClusterError =>
    new ClusterError('source_unavailable', `${path.basename(folder)}/${file} could not be read from this server's disk`, { cause })
  return {
    label: path.basename(folder),
    readText: async (file, signal) => {
      try {
        return await readFile(path.join(folder, file), { encoding: 'utf8', ...(signal ? { signal } : {}) })
      } catch (cause) {
        if (isMissing(cause)) return null
        throw unavailable(file, cause)
      }
    },
    readRange: async (file, start, end, options) => {
      const bytes = new Uint8Array(end - start)
      const handle = await open(path.join(folder, file)).catch((cause: unknown) => Promise.reject(unavailable(file, cause)))
      try {
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
        if (bytesRead < bytes.length) throw new ClusterError('bad_checkpoint', `${path.basename(folder)}/${file} ends before byte ${end}`)
      } finally {
        await handle.close()
      }
      options?.onBytes?.(bytes.length)
      return bytes
    },
  }
}

/** Seconds since 1970 at which the checkpoint was written, or null when `folder` holds none. */
export async function checkpointTime(folder: string): Promise<number | null> {
  const config = await stat(path.join(folder, 'config.json')).catch(() => null)
  return config?.isFile() ? Math.floor(config.mtimeMs / 1000) : null
}
