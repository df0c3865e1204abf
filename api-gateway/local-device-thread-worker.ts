/** A thread of the kernels: runs its part of the programs of one shard until that is given up. */
import { parentPort, workerData } from 'node:worker_threads'
import { serveParts, type ThreadJob } from '../runtime/simd/thread-loop.ts'

serveParts(workerData as ThreadJob, () => parentPort?.postMessage('ready'))
