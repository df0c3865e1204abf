import { ClusterError } from '../../protocol/errors.ts'

/** The jobs that run now, by the id that their client was given. */
export type RunningJobs = {
  /** Returns the way to take it off again. */
  readonly add: (id: string, cancel: (reason: ClusterError) => void) => () => void
  /** Whether it ran. */
  readonly cancel: (id: string) => boolean
  readonly size: () => number
}

export function createRunningJobs(): RunningJobs {
  const running = new Map<string, (reason: ClusterError) => void>()
  return {
    add: (id, cancel) => {
      running.set(id, cancel)
      return () => void running.delete(id)
    },
    cancel: (id) => {
      const cancel = running.get(id)
      cancel?.(new ClusterError('cancelled', 'the request was cancelled by its id'))
      return cancel !== undefined
    },
    size: () => running.size,
  }
}
