/** Tries a backend in a thread of its own: memory of ONNX Runtime never shrinks, and ends with the thread. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadShard } from '../runtime/engines/load-shard.ts'
import { measureBackend, type MeasureJob, type TrialMessage } from '../runtime/measure/measure-backend.ts'
import { openRuntime } from './local-device-runtime.ts'

const tell = (message: TrialMessage): void => parentPort?.postMessage(message)
const open: typeof openRuntime = async (capabilities) => {
  const runtime = await openRuntime(capabilities)
  tell({ type: 'opened' })
  return runtime
}
const measurement = await measureBackend(workerData as MeasureJob, { open, openShard: loadShard, now: () => performance.now() })
tell({ type: 'done', measurement })
