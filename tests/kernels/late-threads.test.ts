/** Threads that come late, in the middle of passes and between them: every pass gives what one thread gives, to the bit. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { spawnWorker } from '../../api-gateway/spawn-worker.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { bytesOf } from '../../core/quant/stored.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { loadShard } from '../../runtime/engines/load-shard.ts'
import type { ShardRunner } from '../../runtime/shard-runner.ts'
import { compileThreadedKernels, type SimdKernels } from '../../runtime/simd/simd-kernels.ts'
import { newSequence } from '../conformance/chain.ts'
import { seededRandom } from './simd-call.ts'

const CONTEXT = 64
const PASSES = Number(process.env['THREAD_PASSES'] ?? 1500)
const source = folderSource(fileURLToPath(new URL('../../models/ember', import.meta.url)))

/** @param workers the threads, as they are started */
async function lateKernels(threads: number, workers: Worker[]): Promise<SimdKernels> {
  const bytes = new Uint8Array(await readFile(new URL('../../dist/kernels/kernels-shared.wasm', import.meta.url)))
  return compileThreadedKernels(bytes, {
    threads,
    maxBytes: 2 ** 28,
    spawn: async (job) => {
      const worker = spawnWorker(new URL('./late-thread-worker.ts', import.meta.url), { workerData: job })
      workers.push(worker)
      await once(worker, 'message')
    },
  })
}

/** Passes of one to twenty rows through the last layers, by seed: hidden states, or logits and what the head ranks. */
async function play(runner: ShardRunner, width: number, passes: number): Promise<readonly string[]> {
  const random = seededRandom(7)
  let [sequence, position] = [newSequence(), 0]
  runner.open(sequence, CONTEXT)
  const results: string[] = []
  for (let pass = 0; pass < passes; pass++) {
    const count = random() < 0.7 ? 1 : 1 + Math.floor(20 * random())
    if (position + count > CONTEXT) {
      runner.release(sequence)
      ;[sequence, position] = [newSequence(), 0]
      runner.open(sequence, CONTEXT)
    }
    const bytes = bytesOf(Float32Array.from({ length: count * width }, () => 4 * random() - 2))
    const input = { type: 'hidden', numberType: 'f32', bytes } as const
    const output = await runner.run({ sequence, position, count, reach: position + count, input, want: { type: 'head' } })
    if (output.type !== 'head') throw new Error(`wanted a head, not ${output.type}`)
    results.push(Buffer.from(bytesOf(await output.head.readLogits())).toString('latin1') + String(output.head.shortlist?.ids))
    position += count
  }
  return results
}

async function open(weightFormat: WeightFormat, simd: SimdKernels): Promise<{ readonly runner: ShardRunner; readonly width: number }> {
  const model = await describeModel(source)
  const { numLayers, hiddenSize } = model.config
  const options = { source, model, startLayer: numLayers - 2, endLayer: numLayers, contextLength: CONTEXT }
  return { runner: await loadShard({ ...options, backend: 'simd', weightFormat, simd }), width: hiddenSize }
}

test.each(['f32', 'int4'] as const)(
  `${PASSES} passes in %s give on four threads of which three come late what they give on one`,
  { timeout: 60_000 + 100 * PASSES },
  async (weightFormat) => {
    const one = await open(weightFormat, await loadKernels())
    const expected = await play(one.runner, one.width, PASSES)
    const workers: Worker[] = []
    const late = await open(weightFormat, await lateKernels(4, workers))
    const found = await play(late.runner, late.width, PASSES)
    expect(found.findIndex((result, i) => result !== expected[i])).toBe(-1)
    expect(found.length).toBe(PASSES)
    expect(new Set(found).size).toBe(PASSES)
    const ends = workers.map((worker) => once(worker, 'exit'))
    await Promise.all([one.runner.dispose(), late.runner.dispose(), ...ends])
    expect(ends.length).toBe(3)
  },
)
