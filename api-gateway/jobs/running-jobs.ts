import { ClusterError } from '../../protocol/errors.ts'

/** The jobs that run now, by the id that their client was given. */
export type RunningJobs = {
  /** Returns the way to take it off again. @throws {ClusterError} shutting_down, once the server finishes */
  readonly add: (id: string, cancel: (reason: ClusterError) => void) => () => void
  /** Whether it ran. */
  readonly cancel: (id: string) => boolean
  readonly size: () => number
  readonly isDraining: () => boolean
  /** Takes no job any more, and resolves when none runs. What runs after `withinMs` is ended with a typed error. */
  readonly drain: (withinMs: number) => Promise<void>
}

const shuttingDown = (): ClusterError => new ClusterError('shutting_down', 'this server is stopping; ask again when it is back')

export function createRunningJobs(): RunningJobs {
  const running = new Map<string, (reason: ClusterError) => void>()
  let isDraining = false
  let onEmpty: () => void = () => undefined
  return {
    add: (id, cancel) => {
      if (isDraining) throw shuttingDown()
      running.set(id, cancel)
      return () => {
        running.delete(id)
        if (running.size === 0) onEmpty()
      }
    },
    cancel: (id) => {
      const cancel = running.get(id)
      cancel?.(new ClusterError('cancelled', 'the request was cancelled by its id'))
      return cancel !== undefined
    },
    size: () => running.size,
    isDraining: () => isDraining,
    drain: async (withinMs) => {
      isDraining = true
      if (running.size === 0) return
      const empty = new Promise<void>((resolve) => (onEmpty = resolve))
      const timer = setTimeout(() => {
        for (const cancel of [...running.values()]) cancel(shuttingDown())
      }, withinMs)
      await empty
      clearTimeout(timer)
    },
  }
}
