/** What loading holds in JavaScript beside the weights: counted in bytes of array buffers that are alive, not in what the system gave. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, expect, test } from 'vitest'
import { describeModel } from '../../core/model/describe-model.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { toClusterError } from '../../protocol/errors.ts'
import type { LoadShardOptions } from './load-options.ts'
import { loadShard } from './load-shard.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { loadOrt, type Ort } from './ort.ts'
import type { SimdKernels } from '../simd/simd-kernels.ts'
import type { LoadProgress } from '../shard-runner.ts'

const MIB = 2 ** 20
const WIDTH = 512
const INNER = 2048
const LAYERS = 5
const VOCABULARY = 4096

const tensors: readonly (readonly [string, readonly number[]])[] = [
  ['model.embed_tokens.weight', [VOCABULARY, WIDTH]],
  ...Array.from({ length: LAYERS }, (_, i) => {
    const at = `model.layers.${i}`
    return [
      [`${at}.input_layernorm.weight`, [WIDTH]],
      [`${at}.post_attention_layernorm.weight`, [WIDTH]],
      ...['q', 'k', 'v', 'o'].map((name) => [`${at}.self_attn.${name}_proj.weight`, [WIDTH, WIDTH]] as const),
      [`${at}.mlp.gate_proj.weight`, [INNER, WIDTH]],
      [`${at}.mlp.up_proj.weight`, [INNER, WIDTH]],
      [`${at}.mlp.down_proj.weight`, [WIDTH, INNER]],
    ] as const
  }).flat(),
  ['model.norm.weight', [WIDTH]],
]
const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1)
const CONFIG = {
  model_type: 'llama',
  hidden_size: WIDTH,
  intermediate_size: INNER,
  num_hidden_layers: LAYERS,
  num_attention_heads: 8,
  num_key_value_heads: 8,
  vocab_size: VOCABULARY,
  max_position_embeddings: 64,
  rope_theta: 10_000,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  bos_token_id: 1,
  eos_token_id: 2,
}

function headerOf(): Uint8Array {
  let offset = 0
  const entries = tensors.map(([name, shape]) => {
    const start = offset
    offset += product(shape) * 2
    return [name, { dtype: 'BF16', shape, data_offsets: [start, offset] }]
  })
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  const header = new Uint8Array(8 + json.length)
  new DataView(header.buffer).setBigUint64(0, BigInt(json.length), true)
  header.set(json, 8)
  return header
}
const HEADER = headerOf()

/** About 40 MB of small bf16 values that exist only as they are read. */
const source: ModelSource = {
  label: 'made up',
  readText: (file) => Promise.resolve(file === 'config.json' ? JSON.stringify(CONFIG) : null),
  readRange: (_, start, end, { onBytes, into } = {}) => {
    const bytes = into ?? new Uint8Array(end - start)
    // High bytes of bf16 between 2^-7 and 2^-5, both signs; whatever the low ones are.
    for (let i = 0; i < bytes.length; i++) {
      const at = start + i
      bytes[i] =
        at < HEADER.length ? (HEADER[at] ?? 0) : (at - HEADER.length) % 2 === 0 ? (at * 37) & 0xff : 0x3c | (((at * 2654435761) >>> 24) & 0x80)
    }
    onBytes?.(bytes.length)
    return Promise.resolve(bytes)
  },
}

let ort: Ort
let model: ModelDescription

beforeAll(async () => {
  setFlagsFromString('--expose-gc')
  ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  model = await describeModel(source)
  // ORT takes its own memory with the first session, and it grows with the first load.
  await (await load({ ort, source })).dispose()
})

const collect = (): void => void runInNewContext('gc()')
/** The first collection leaves freeing to another thread; the second waits for it. */
const aliveBytes = (): number => {
  collect()
  collect()
  return process.memoryUsage().arrayBuffers
}

type Watched = {
  readonly ort: Ort
  readonly source: ModelSource
  readonly most: () => number
  readonly sessions: () => number
  readonly open: () => number
}

/**
 * Counts at every point where a buffer may have been added: what was read has come, a session is about to copy.
 * @param ofReads looks at one of so many, where all are alike
 */
function watched(failAt = Infinity, ofReads = 1): Watched {
  const before = aliveBytes()
  let [most, sessions, open, reads] = [0, 0, 0, 0]
  const look = (): void => void (most = Math.max(most, aliveBytes() - before))
  const create = async (bytes: Uint8Array, options?: object) => {
    look()
    sessions += 1
    if (sessions === failAt) throw new Error('std::bad_alloc')
    const session = await ort.InferenceSession.create(bytes, options)
    open += 1
    const release = session.release.bind(session)
    session.release = () => {
      open -= 1
      return release()
    }
    return session
  }
  return {
    // Of the ways to create a session, loading takes this one.
    ort: { ...ort, InferenceSession: { create } } as unknown as Ort,
    source: {
      ...source,
      readRange: async (...asked) => {
        const bytes = await source.readRange(...asked)
        if (reads++ % ofReads === 0) look()
        return bytes
      },
    },
    most: () => most,
    sessions: () => sessions,
    open: () => open,
  }
}

const load = (watch: Pick<Watched, 'ort' | 'source'>, change: Partial<LoadShardOptions> = {}) =>
  loadShard({
    ...{ model, startLayer: 0, endLayer: LAYERS, backend: 'wasm', weightFormat: 'f32', contextLength: 16, leastPartBytes: 8 * MIB, ...watch },
    ...change,
  })

const codeOf = (loading: Promise<unknown>): Promise<string> =>
  loading.then(
    () => 'loaded',
    (error: unknown) => toClusterError(error).code,
  )

test('a checkpoint of 40 MB holds its table, one part being built, what is read for it and a block at once, and in the end the table alone', async () => {
  const watch = watched()
  const before = aliveBytes()
  const runner = await load(watch)
  const table = VOCABULARY * WIDTH * 2
  const layer = (4 * WIDTH * WIDTH + 3 * WIDTH * INNER) * 4
  expect(watch.sessions()).toBeGreaterThan(LAYERS)
  // A layer in f32, its bytes as stored, a block of a million decoded weights; a mebibyte for graphs and what ORT keeps of them.
  expect(watch.most()).toBeLessThan(table + layer + layer / 2 + 4 * MIB + MIB)
  expect(watch.most()).toBeGreaterThan(table + layer)
  expect(aliveBytes() - before).toBeLessThan(table + MIB)
  await runner.dispose()
  expect(watch.open()).toBe(0)
})

test('16: a device that runs out of memory at any part says not_enough_memory and keeps nothing', async () => {
  const watch = watched(4)
  const before = aliveBytes()
  // The error itself is let go: its stack names functions that know the weights.
  expect(await codeOf(load(watch))).toBe('not_enough_memory')
  expect(watch.sessions()).toBe(4)
  expect(watch.open()).toBe(0)
  expect(aliveBytes() - before).toBeLessThan(MIB)
})

test('a load that is cancelled in the middle releases what it opened and keeps nothing', async () => {
  const watch = watched()
  const before = aliveBytes()
  const abort = new AbortController()
  const progress: LoadProgress[] = []
  const onProgress = (report: LoadProgress): void => {
    progress.push(report)
    if (report.loadedBytes > report.totalBytes / 2) abort.abort()
  }
  expect(await codeOf(load(watch, { signal: abort.signal, onProgress }))).toBe('cancelled')
  expect(watch.sessions()).toBeGreaterThan(0)
  expect(watch.open()).toBe(0)
  expect(progress.at(-1)?.loadedBytes).toBeLessThan(progress[0]?.totalBytes ?? 0)
  expect(aliveBytes() - before).toBeLessThan(MIB)
})

test('progress only goes forward, to the last byte and through the phases', async () => {
  const progress: LoadProgress[] = []
  const runner = await load({ ort, source }, { onProgress: (report) => progress.push(report) })
  await runner.dispose()
  const phases = ['downloading', 'compiling', 'warming-up']
  for (const [i, report] of progress.slice(1).entries()) {
    const last = progress[i]
    expect(report.loadedBytes).toBeGreaterThanOrEqual(last?.loadedBytes ?? 0)
    expect(phases.indexOf(report.phase)).toBeGreaterThanOrEqual(phases.indexOf(last?.phase ?? ''))
  }
  expect(new Set(progress.map(({ phase }) => phase))).toEqual(new Set(phases))
  expect(progress.at(-1)?.loadedBytes).toBe(progress.at(-1)?.totalBytes)
})

/** Kernels that tell of the memory of the last shard. */
async function watchedKernels(): Promise<{ readonly simd: SimdKernels; readonly memory: () => WebAssembly.Memory | undefined }> {
  const simd = await loadKernels()
  let memory: WeakRef<WebAssembly.Memory> | null = null
  const hold: SimdKernels['hold'] = (given) => {
    memory = new WeakRef(given)
    return simd.hold(given)
  }
  return { simd: { ...simd, hold }, memory: () => memory?.deref() }
}

test.each(['f32', 'int4'] as const)(
  'on our kernels loading in %s never takes over a tenth more than what is held in the end',
  async (weightFormat) => {
    const watch = watched(Infinity, 5)
    const { simd, memory } = await watchedKernels()
    const runner = await load(watch, { backend: 'simd', simd, weightFormat })
    const held = memory()?.buffer.byteLength ?? NaN
    expect(held).toBeGreaterThanOrEqual(runner.heldBytes)
    // All of the memory is there from the start: what was alive beside it comes on top.
    expect(watch.most() + held).toBeLessThan(1.1 * held)
    await runner.dispose()
  },
)

test('what a device gives up is freed: the memory of a shard is nobody’s once it is disposed of', async () => {
  const { simd, memory } = await watchedKernels()
  const give = async (): Promise<void> => {
    const runner = await load({ ort, source }, { backend: 'simd', simd, weightFormat: 'int8' })
    expect(memory()).toBeDefined()
    await runner.dispose()
  }
  await give()
  // The engine lets go of a resolved promise's values one turn later.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  collect()
  expect(memory()).toBeUndefined()
})
