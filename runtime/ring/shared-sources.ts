import type { ModelSource } from '../../core/model/model-source.ts'

export type SharedSources = {
  readonly get: (source: string) => ModelSource
  /** The next `get` opens a new one. */
  readonly forget: (source: string) => void
  /** Runs `work` with the source, which is let go with the last of its users, and what it holds with it. */
  readonly use: <T>(source: string, work: (opened: ModelSource) => Promise<T>) => Promise<T>
}

/** One source a checkpoint from its description to the end of its load: a host that gives only whole files is read once. */
export function sharedSources(open: (source: string) => ModelSource): SharedSources {
  const opened = new Map<string, ModelSource>()
  const users = new Map<string, number>()
  const get = (source: string): ModelSource => {
    const known = opened.get(source) ?? open(source)
    opened.set(source, known)
    return known
  }
  return {
    get,
    forget: (source) => void opened.delete(source),
    use: async (source, work) => {
      users.set(source, (users.get(source) ?? 0) + 1)
      try {
        return await work(get(source))
      } finally {
        const left = (users.get(source) ?? 1) - 1
        users.set(source, left)
        if (left === 0) opened.delete(source)
      }
    },
  }
}
