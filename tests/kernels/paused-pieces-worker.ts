/** A thread that takes pieces of passes of sums, and stops at random wherever it may be interrupted. */
import { parentPort, workerData } from 'node:worker_threads'
import { runPaused, type PausedJob } from './paused-pieces.ts'

parentPort?.postMessage('ready')
runPaused(workerData as PausedJob)
