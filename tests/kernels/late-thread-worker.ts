/** A thread of the kernels that never comes when it is called: it sleeps, spins or comes at once, in the middle of a pass or between two. */
import { parentPort, workerData } from 'node:worker_threads'
import { FRAME_CODE, FRAME_PASS } from '../../kernels/opcodes.ts'
import { instantiate, type ThreadJob } from '../../runtime/simd/thread-loop.ts'
import { seededRandom } from './simd-call.ts'

const { module, memory, frame, thread, threads } = workerData as ThreadJob
const { take } = instantiate(module, memory)
const words = new Int32Array(memory.buffer)
const random = seededRandom(thread)
const nobody = new Int32Array(new SharedArrayBuffer(4))

/** Most often shorter than a pass. */
function lose(): void {
  const way = random()
  if (way < 0.02) Atomics.wait(nobody, 0, 0, 3 * random())
  else if (way < 0.7) for (let spins = 30_000 * random(); spins > 0; spins--) Atomics.load(nobody, 0)
}

const hasEnded = (): boolean => Atomics.load(words, frame / 4 + FRAME_PASS) > 0 && Atomics.load(words, frame / 4 + FRAME_CODE) === 0

parentPort?.postMessage('ready')
while (!hasEnded()) {
  take(frame, thread, threads)
  lose()
}
