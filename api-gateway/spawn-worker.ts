import { Worker, type WorkerOptions } from 'node:worker_threads'

/** A worker thread that runs the TypeScript module at `url`. */
export const spawnWorker = (url: URL, options: Omit<WorkerOptions, 'argv' | 'execArgv' | 'eval'> = {}): Worker =>
  new Worker(new URL('./typescript-worker.mjs', import.meta.url), { ...options, argv: [url.href], execArgv: [] })
