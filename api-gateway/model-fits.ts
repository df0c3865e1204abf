/** Facts of models and how they fit the devices that are here, worked out on a thread of its own. */
import type { Worker } from 'node:worker_threads'
import { ClusterError } from '../protocol/errors.ts'
import type { FitReply, FitTask, Weighed } from './fit.worker.ts'
import { spawnWorker } from './spawn-worker.ts'

export type ModelFits = {
  /** In the order of the models. @throws {ClusterError} internal when the thread ends */
  readonly weigh: (task: Omit<FitTask, 'ticket'>) => Promise<readonly Weighed[]>
  readonly close: () => Promise<void>
}

type Waiting = { readonly resolve: (weighed: readonly Weighed[]) => void; readonly reject: (error: Error) => void }

/** The thread starts with the first task and starts anew after a crash. */
export function createModelFits(): ModelFits {
  const waiting = new Map<number, Waiting>()
  let worker: Worker | null = null
  let nextTicket = 0

  const failAll = (error: ClusterError): void => {
    worker = null
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  const settle = ({ ticket, weighed }: FitReply): void => {
    waiting.get(ticket)?.resolve(weighed)
    waiting.delete(ticket)
    if (waiting.size === 0) worker?.unref()
  }
  const start = (): Worker => {
    const started = spawnWorker(new URL('./fit.worker.ts', import.meta.url))
    started.on('message', settle)
    started.on('error', (cause) => failAll(new ClusterError('internal', 'the thread that weighs models ended', { cause })))
    return started
  }
  return {
    weigh: (task) =>
      new Promise((resolve, reject) => {
        const ticket = nextTicket++
        waiting.set(ticket, { resolve, reject })
        worker ??= start()
        // Only work in flight keeps the process alive.
        worker.ref()
        worker.postMessage({ ticket, ...task } satisfies FitTask)
      }),
    close: async () => {
      const ending = worker
      failAll(new ClusterError('cancelled', 'the server closes'))
      await ending?.terminate()
    },
  }
}
