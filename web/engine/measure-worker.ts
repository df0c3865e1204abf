/** Tries one backend in a worker of its own: what hangs can be ended, and what it took is given back. */
import { loadShard } from '../../runtime/engines/load-shard.ts'
import { measureBackend, type MeasureJob, type TrialMessage } from '../../runtime/measure/measure-backend.ts'
import { openRuntime } from './open-shard.ts'

const tell = (message: TrialMessage): void => self.postMessage(message)

self.addEventListener('message', ({ data }: MessageEvent<MeasureJob>) => {
  const open: typeof openRuntime = async (capabilities) => {
    const runtime = await openRuntime(capabilities)
    tell({ type: 'opened' })
    return runtime
  }
  void measureBackend(data, { open, openShard: loadShard, now: () => performance.now() }).then((measurement) => tell({ type: 'done', measurement }))
})
