import { ClusterError } from '../../protocol/errors.ts'
import type { ModelSource } from './model-source.ts'

/** A checkpoint held in memory, for tests and for files that a person picked. */
export const memorySource = (label: string, files: ReadonlyMap<string, Uint8Array>): ModelSource => ({
  label,
  readText: (file) => {
    const bytes = files.get(file)
    return Promise.resolve(bytes ? new TextDecoder().decode(bytes) : null)
  },
  readRange: (file, start, end, options = {}) => {
    const bytes = files.get(file)
    if (!bytes) return Promise.reject(new ClusterError('source_unavailable', `${label} has no file ${file}`))
    if (end > bytes.length)
      return Promise.reject(new ClusterError('bad_checkpoint', `${file} of ${label} ends at ${bytes.length}, bytes up to ${end} were expected`))
    options.onBytes?.(end - start)
    return Promise.resolve(bytes.slice(start, end))
  },
})
