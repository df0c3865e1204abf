/** Several sequences in one pass: each gives what it gives alone, to the bit, and one that is refused takes nobody with it. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { asFloat32 } from '../../core/quant/stored.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { loadShard } from '../../runtime/engines/load-shard.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import type { ShardOutput, ShardRun, ShardRunner, ShardWant } from '../../runtime/shard-runner.ts'
import { newSequence } from './chain.ts'

const CONTEXT = 256
const source = folderSource(fileURLToPath(new URL('../../models/ember', import.meta.url)))

/** Ids of sequence `index`: every sequence has others. */
const idsOf = (index: number, position: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => 5 + ((index * 911 + (position + i) * 7919) % 4000))

/** Passes as a ring makes them: prompts of several lengths, steps, a chunk beside steps, several logits of one sequence; one list a pass. */
const PASSES: readonly (readonly { readonly of: number; readonly count: number; readonly want: ShardWant }[])[] = [
  [
    { of: 0, count: 7, want: { type: 'head' } },
    { of: 1, count: 1, want: { type: 'head' } },
    { of: 2, count: 130, want: { type: 'none' } },
  ],
  [0, 1, 2, 3, 4].map((of) => ({ of, count: 1, want: { type: 'head' } })),
  [
    { of: 3, count: 5, want: { type: 'heads', rows: 3 } },
    { of: 0, count: 1, want: { type: 'head' } },
    { of: 4, count: 33, want: { type: 'head' } },
    { of: 2, count: 2, want: { type: 'heads', rows: 2 } },
  ],
  [2, 4, 0].map((of) => ({ of, count: 1, want: { type: 'head' } })),
]

type Row = { readonly logits: Float32Array; readonly ids: Int32Array; readonly logSumExp: number }

async function rowsOf(output: ShardOutput): Promise<readonly Row[]> {
  const heads = output.type === 'head' ? [output.head] : output.type === 'heads' ? output.heads : []
  const rows: Row[] = []
  for (const head of heads)
    rows.push({
      logits: (await head.readLogits()).slice(),
      ids: head.shortlist?.ids ?? new Int32Array(0),
      logSumExp: head.shortlist?.logSumExp ?? 0,
    })
  return rows
}

async function play(runner: ShardRunner, mode: 'together' | 'alone'): Promise<readonly (readonly Row[])[]> {
  const sequences = Array.from({ length: 5 }, newSequence)
  const positions = sequences.map(() => 0)
  for (const sequence of sequences) runner.open(sequence, CONTEXT)
  const all: (readonly Row[])[] = []
  for (const pass of PASSES) {
    const runs = pass.map(({ of, count, want }): ShardRun => {
      const position = positions[of] ?? 0
      positions[of] = position + count
      const sequence = sequences[of] ?? newSequence()
      return { sequence, position, count, reach: position + count, input: { type: 'tokens', ids: idsOf(of, position, count) }, want }
    })
    if (mode === 'alone') for (const run of runs) all.push(await rowsOf(await runner.run(run)))
    else
      await runner.runBatch(runs, async (_, output) => {
        if (output instanceof ClusterError) throw output
        all.push(await rowsOf(output))
      })
  }
  for (const sequence of sequences) runner.release(sequence)
  return all
}

const ways = [
  ...(['f32', 'f16', 'int8', 'int4'] as const).map((weightFormat) => ({ backend: 'simd' as const, weightFormat, threads: 1 })),
  { backend: 'simd' as const, weightFormat: 'f32' as const, threads: 2 },
  { backend: 'wasm' as const, weightFormat: 'f32' as const, threads: 1 },
]

async function open({ backend, weightFormat, threads }: (typeof ways)[number]): Promise<ShardRunner> {
  const model = await describeModel(source)
  const runtime =
    backend === 'simd' ? { simd: await loadKernels(threads, 2 ** 28) } : { ort: await loadOrt({ backend: 'wasm', numThreads: threads }) }
  const range = { startLayer: 0, endLayer: model.config.numLayers }
  return loadShard({ source, model, ...range, backend, weightFormat, contextLength: CONTEXT, ...runtime })
}

test.each(ways)('a batch on $backend, $weightFormat, $threads thread(s) gives each sequence what it gets alone', async (way) => {
  const runner = await open(way)
  const [together, alone] = [await play(runner, 'together'), await play(runner, 'alone')]
  expect(together.length).toBe(PASSES.flat().length)
  expect(together).toEqual(alone)
  expect(new Set(together.flat().map(({ logits }) => logits[17])).size).toBe(together.flat().length)
  await runner.dispose()
})

test('a run that is refused fails alone: the rest of its batch gets its outputs', async () => {
  const runner = await open({ backend: 'simd', weightFormat: 'f32', threads: 1 })
  const [known, unknown] = [newSequence(), newSequence()]
  runner.open(known, CONTEXT)
  const runs = [unknown, known].map((sequence): ShardRun => ({
    sequence,
    position: 0,
    count: 1,
    reach: 1,
    input: { type: 'tokens', ids: [5] },
    want: { type: 'head' },
  }))
  const outputs: (ShardOutput | ClusterError)[] = []
  await runner.runBatch(runs, async (_, output) => void outputs.push(output))
  expect(outputs[0]).toMatchObject({ code: 'ring_broken' })
  expect(outputs[1]).toMatchObject({ type: 'head' })
  await runner.dispose()
})

test('hidden states of a batch are those of each sequence alone', async () => {
  const model = await describeModel(source)
  const runner = await loadShard({
    source,
    model,
    startLayer: 2,
    endLayer: 5,
    backend: 'simd',
    weightFormat: 'f32',
    contextLength: CONTEXT,
    simd: await loadKernels(),
  })
  const { hiddenSize } = model.config
  const sequences = [newSequence(), newSequence(), newSequence()]
  const runs = sequences.map((sequence, i): ShardRun => {
    const count = 3 * i + 1
    const values = Float32Array.from({ length: count * hiddenSize }, (_, at) => Math.sin(at * (i + 1)))
    const bytes = new Uint8Array(values.buffer)
    return {
      sequence,
      position: 0,
      count,
      reach: count,
      input: { type: 'hidden', numberType: 'f32', bytes },
      want: { type: 'hidden', numberType: 'f32' },
    }
  })
  for (const sequence of sequences) runner.open(sequence, CONTEXT)
  const outputs: (ShardOutput | ClusterError)[] = []
  await runner.runBatch(runs, async (_, output) => void outputs.push(output))
  for (const [i, run] of runs.entries()) {
    const alone = await runner.run(run)
    expect(outputs[i]).toEqual(alone)
    expect(alone.type === 'hidden' && asFloat32(alone.bytes).length).toBe((3 * i + 1) * hiddenSize)
  }
  await runner.dispose()
})
