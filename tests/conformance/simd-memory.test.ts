import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { sequenceId } from '../../protocol/ids.ts'
import { loadShard } from '../../runtime/engines/load-shard.ts'
import type { SimdKernels } from '../../runtime/simd/simd-kernels.ts'
import type { ShardRunner } from '../../runtime/shard-runner.ts'

const source = folderSource(fileURLToPath(new URL('../../models/ember', import.meta.url)))
const CONTEXT = 256

setFlagsFromString('--expose-gc')
const collectGarbage = (): void => void runInNewContext('gc')()

/** Kernels that tell which memory a shard runs in. */
function watched(kernels: SimdKernels, tell: (memory: WebAssembly.Memory) => void): SimdKernels {
  return { ...kernels, start: (memory, frame) => (tell(memory), kernels.start(memory, frame)) }
}

/** Opens a sequence, lets it answer greedily, and closes it. @returns its tokens */
async function answer(runner: ShardRunner, index: number, tokens: number): Promise<readonly number[]> {
  const sequence = sequenceId(index.toString(16).padStart(16, '0'))
  runner.open(sequence, CONTEXT)
  const ids = [3 + (index % 400)]
  for (let position = 0; position < tokens; position++) {
    const span = { sequence, position, count: 1, reach: position + 1 }
    const output = await runner.run({ ...span, input: { type: 'tokens', ids: ids.slice(-1) }, want: { type: 'head' } })
    if (output.type !== 'head') throw new Error('a run without a head')
    ids.push(output.head.shortlist?.ids[0] ?? -1)
  }
  runner.release(sequence)
  return ids
}

test.each(['f32', 'int8'] as const)(
  '2000 tokens in 200 sequences that open and close leave the memory of %s kernels as it was',
  async (weightFormat) => {
    let memory: WebAssembly.Memory | null = null
    const simd = watched(await loadKernels(), (one) => (memory = one))
    const model = await describeModel(source)
    const range = { startLayer: 0, endLayer: model.config.numLayers }
    const runner = await loadShard({ source, model, ...range, backend: 'simd', weightFormat, contextLength: CONTEXT, simd })
    const bytes = (): number => memory?.buffer.byteLength ?? NaN
    const first = await answer(runner, 1, 10)
    for (let i = 2; i < 20; i++) await answer(runner, i, 10)
    collectGarbage()
    const [held, heap] = [bytes(), process.memoryUsage().heapUsed]
    expect(held).toBeGreaterThan(0)
    for (let i = 20; i < 220; i++) await answer(runner, i, 10)
    // The same tokens come from the same places.
    expect(await answer(runner, 1, 10)).toEqual(first)
    expect(bytes()).toBe(held)
    expect(runner.openSequences()).toBe(0)
    collectGarbage()
    expect((process.memoryUsage().heapUsed - heap) / 2000).toBeLessThan(512)
    // A dozen caches do not fit where one was: a leak of a few would have shown.
    const openAll = Array.from({ length: 12 }, (_, i) => sequenceId((1000 + i).toString(16).padStart(16, '0')))
    for (const sequence of openAll) runner.open(sequence, CONTEXT)
    expect(bytes()).toBeGreaterThan(held)
    for (const sequence of openAll) runner.release(sequence)
    await runner.dispose()
  },
)
