/** A thread of the kernels: takes pieces of the passes of one shard until that is given up. */
import { parentPort, workerData } from 'node:worker_threads'
import { servePasses, type ThreadJob } from '../runtime/simd/thread-loop.ts'

servePasses(workerData as ThreadJob, () => parentPort?.postMessage('ready'))
