/** Rings that end in a WebGPU device, in one page, with what its head computes counted. */
import { httpSource } from '../../core/model/http-source.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import type { Grammar } from '../../protocol/grammar.ts'
import { sequenceId } from '../../protocol/ids.ts'
import { GREEDY, type Sampling } from '../../protocol/ring.ts'
import type { RunnerGpu } from '../../runtime/engines/gpu-kernels.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import type { ShardRunner } from '../../runtime/shard-runner.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { loadXgrammar } from '../../web/engine/load-xgrammar.ts'
import { openKernels } from '../../web/engine/simd-kernels.ts'
import { openRunnerGpu } from '../harness/gpu.page.ts'
import { openMemoryRing, RING_MODEL, type MemoryRing } from '../harness/memory-ring.ts'
import { argmax, chainOver, type Chain } from './chain.ts'

export type RingPage = { readonly url: string; readonly wasmPaths: string; readonly weightFormat: WeightFormat; readonly maxTokens: number }
export type RingAnswer = {
  readonly promptIds: readonly number[]
  readonly sampling?: Partial<Sampling>
  readonly topLogprobs?: number
  readonly grammar?: Grammar
}
/** Rows that went through the product with the vocabulary, and those of them whose logits were all written. */
export type HeadCounts = { readonly products: number; readonly written: number }
export type CountedAnswer = HeadCounts & { readonly ids: readonly number[] }

/** Ember's `<|im_end|>`: a grammar needs a way to end. */
const STOP_IDS = [2]

type CountingGpu = { readonly gpu: RunnerGpu; readonly counts: { products: number; written: number } }

/** Every row of the head is a product's, recorded by one function: it counts. */
function counting({ device, kernels }: RunnerGpu): CountingGpu {
  const counts = { products: 0, written: 0 }
  const compileHead: typeof kernels.compileHead = async (shape) => {
    const head = await kernels.compileHead(shape)
    return {
      ...head,
      product: async (rowsAtOnce) => {
        const record = await head.product(rowsAtOnce)
        return (encoder, buffers, sizes) => {
          counts.products += sizes.rows
          if (sizes.vocab > 0) counts.written += sizes.rows
          record(encoder, buffers, sizes)
        }
      },
    }
  }
  return { gpu: { device, kernels: { ...kernels, compileHead } }, counts }
}

/** One device a page: ORT keeps to the first one it was given. */
let opened: Promise<CountingGpu> | null = null

type PageRing = { readonly ring: MemoryRing; readonly chain: Chain; readonly counts: CountingGpu['counts'] }

/** A device that embeds on the CPU, and one with the head on the page's GPU. */
async function openRing({ url, wasmPaths, weightFormat }: RingPage): Promise<PageRing> {
  const { gpu, counts } = await (opened ??= openRunnerGpu().then(counting))
  const last = { backend: 'webgpu', gpu, ort: await loadOrt({ backend: 'webgpu', numThreads: 1, wasmPaths }) } as const
  const runners: ShardRunner[] = []
  const ring = await openMemoryRing({
    openSource: () => httpSource(url, { fetch: (input, init) => fetch(input, init), clock: systemClock, random: Math.random }),
    loadXgrammar,
    weightFormat,
    devices: [{ backend: 'simd', simd: await openKernels() }, last],
    spare: null,
    onShard: (runner) => void runners.push(runner),
  })
  const handoff = ring.cluster.view().placements.get(RING_MODEL)?.handoff ?? 'f32'
  const inOrder = runners.toSorted((a, b) => a.startLayer - b.startLayer)
  return { ring, chain: chainOver(inOrder, handoff), counts }
}

async function ask({ client }: MemoryRing, { promptIds, sampling, topLogprobs, grammar }: RingAnswer, maxTokens: number): Promise<readonly number[]> {
  const wishes = { ...(topLogprobs === undefined ? {} : { topLogprobs }), ...(grammar ? { grammar } : {}) }
  const { signal } = new AbortController()
  const request = {
    model: RING_MODEL,
    promptIds,
    sampling: { ...GREEDY, ...sampling },
    stopIds: STOP_IDS,
    maxTokens,
    drafts: false,
    signal,
    ...wishes,
  }
  const ids: number[] = []
  for await (const event of client.complete(request)) if (event.type === 'token') ids.push(event.tokenId)
  return ids
}

/** The answers of a ring one after the other, and what its head computed for each. */
export async function countHeads({ answers, ...page }: RingPage & { readonly answers: readonly RingAnswer[] }): Promise<CountedAnswer[]> {
  const { ring, counts } = await openRing(page)
  await using _closing = ring
  const counted: CountedAnswer[] = []
  for (const answer of answers) {
    counts.products = counts.written = 0
    counted.push({ ids: await ask(ring, answer, page.maxTokens), ...counts })
  }
  return counted
}

/** Greedily by all logits of every pass, over the shards of a ring. */
async function byAllLogits(chain: Chain, promptIds: readonly number[], maxTokens: number): Promise<readonly number[]> {
  // None of the ring's own.
  const sequence = sequenceId('f'.repeat(16))
  chain.open(sequence, promptIds.length + maxTokens)
  const ids: number[] = []
  let [position, next] = [0, promptIds]
  while (ids.length < maxTokens && !STOP_IDS.includes(ids.at(-1) ?? -1)) {
    const output = await chain.run(sequence, { position, ids: next }, { type: 'all-logits' })
    if (output.type !== 'all-logits') throw new Error(`a run gave ${output.type} where all logits were wanted`)
    position += next.length
    next = [argmax(output.logits.slice(-output.logits.length / next.length))]
    ids.push(...next)
  }
  chain.release(sequence)
  return ids
}

export type TwoWays = { readonly ring: readonly number[]; readonly allLogits: readonly number[] }

/** Greedy answers of a ring, and those of its own shards by all logits. */
export async function greedyTwoWays({ prompts, ...page }: RingPage & { readonly prompts: readonly (readonly number[])[] }): Promise<TwoWays[]> {
  const { ring, chain } = await openRing(page)
  await using _closing = ring
  const ways: TwoWays[] = []
  for (const promptIds of prompts)
    ways.push({ ring: await ask(ring, { promptIds }, page.maxTokens), allLogits: await byAllLogits(chain, promptIds, page.maxTokens) })
  return ways
}
