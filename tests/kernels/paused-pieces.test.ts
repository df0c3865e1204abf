/** The counters that threads share, with threads that stop at random between any two steps, and frames that are anything between passes. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { spawnWorker } from '../../api-gateway/spawn-worker.ts'
import { MOST_PIECES, MOST_STRETCHES, pausedPieces, resultOf, type Plan } from './paused-pieces.ts'
import { seededRandom } from './simd-call.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PASSES = Number(process.env['THREAD_PASSES'] ?? 1500)
const THREADS = 4

/** The file by itself: its functions are not among the exports of the kernels. */
async function compilePieces(): Promise<WebAssembly.Module> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ringlet-pieces-'))
  const file = path.join(folder, 'pieces.wasm')
  const memory = ['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '1']
  const compiler = path.join(ROOT, 'node_modules/assemblyscript/bin/asc.js')
  const args = ['kernels/assembly/pieces.ts', '--outFile', file, '-O3', '--runtime', 'stub', '--use', 'abort=', '--enable', 'threads', ...memory]
  try {
    await promisify(execFile)(process.execPath, [compiler, ...args], { cwd: ROOT })
    return await WebAssembly.compile(new Uint8Array(await readFile(file)))
  } finally {
    await rm(folder, { recursive: true })
  }
}

test(
  `${PASSES} passes of ${THREADS} threads end with what one piece after the other gives, wherever a thread stops`,
  { timeout: 60_000 + 100 * PASSES },
  async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
    const module = await compilePieces()
    const caller = pausedPieces({ module, memory, thread: 0 })
    const workers = Array.from({ length: THREADS - 1 }, (_, i) =>
      spawnWorker(new URL('./paused-pieces-worker.ts', import.meta.url), { workerData: { module, memory, thread: i + 1 } }),
    )
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    const random = seededRandom(11)
    const upTo = (most: number): number => 1 + Math.floor(most * random())
    const plan = (isLast = false): Plan => {
      const pieces = Array.from({ length: upTo(MOST_STRETCHES) }, () => upTo(MOST_PIECES))
      return { pieces, seed: Math.floor(2 ** 31 * random()), isLast }
    }
    const wrong: Plan[] = []
    for (let pass = 0; pass < PASSES; pass++) {
      caller.write(plan())
      const real = plan()
      caller.write(real)
      caller.call()
      caller.take()
      if (caller.result(real).join() !== resultOf(real).join()) wrong.push(real)
    }
    caller.write(plan(true))
    await Promise.all(workers.map((worker) => once(worker, 'exit')))
    expect(wrong.slice(0, 3)).toEqual([])
  },
)
