/** This project as a person has it: the contribute page of a real server in a tab, asked over the ring like any client asks. */
import { placementState } from '../core/cluster/cluster-view.ts'
import type { Backend, WeightFormat } from '../protocol/cluster.ts'
import { modelId } from '../protocol/ids.ts'
import { GREEDY } from '../protocol/ring.ts'
import { deviceFlags } from '../scripts/headless-devices.ts'
import { chromiumPath } from '../tests/harness/browser.ts'
import { awaitView, openBenchServer, wishRing, type BenchServer } from './cluster.ts'
import type { Contender } from './contender.ts'
import { contributeAddress } from './load-tab.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { openLoneTab } from './lone-tab.ts'
import { watchMemory } from './process-memory.ts'
import { runStreams } from './stream.ts'

/** Pledged by the page: room for every format with its caches. */
const MEMORY_MIB = 4000
const MOST_ROWS = 8
/** Log-probabilities that are told with a token. */
const MOST_TOLD = 20

export type RingletTabOptions = {
  readonly model: BenchModel
  readonly backend: Extract<Backend, 'simd' | 'wasm'>
  readonly weights: WeightFormat
  readonly threads: number
  readonly contextTokens: number
}

const devices = ({ peer }: BenchServer) => [...peer.network.view().peers.values()].filter(({ capabilities }) => capabilities !== null)

export async function openRingletTab({ model, backend, weights, threads, contextTokens }: RingletTabOptions): Promise<Contender> {
  const server = await openBenchServer(BENCH_MODELS_DIR)
  const { client, network } = server.peer
  const tab = await openLoneTab(chromiumPath(), deviceFlags()).catch(async (error: unknown) => {
    await server.close()
    throw error
  })
  const memory = watchMemory(tab.pid)
  const name = modelId(`${model.name}-${weights}`)
  const open = async (): Promise<void> => {
    await tab.navigate(contributeAddress({ url: server.url, backend, weights, threads, memoryMiB: MEMORY_MIB }))
    await awaitView(network, 'a device', () => (devices(server).length > 0 ? true : null))
  }
  const close = async (): Promise<void> => {
    memory.stop()
    await tab.close()
    await server.close()
  }
  const report = () => devices(server)[0]?.status.shards.find((shard) => shard.model === name)
  try {
    await open()
  } catch (error) {
    await close()
    throw error
  }
  return {
    engine: 'ringlet',
    format: weights,
    threads,
    browser: `Chromium ${tab.version}`,
    memory,
    mostRows: MOST_ROWS,
    load: async () => {
      const started = performance.now()
      await wishRing(network, 1, { model: name, source: `/models/${model.name}`, contextLength: contextTokens })
      return performance.now() - started
    },
    restart: async () => {
      network.unwish(name)
      await awaitView(network, 'the model to go', (view) => {
        const placement = view.placements.get(name)
        return placement && placementState(view, placement) === 'ready' ? null : true
      })
      await tab.navigate('about:blank')
      await awaitView(network, 'the page to leave', () => (devices(server).length === 0 ? true : null))
      await open()
    },
    ask: (prompts, tokens) =>
      runStreams(
        client,
        name,
        prompts.map(({ ids }) => ids),
        tokens,
      ),
    logProbs: async ({ ids }) => {
      const { signal } = new AbortController()
      const job = { model: name, promptIds: ids, sampling: GREEDY, stopIds: [], maxTokens: 1, topLogprobs: MOST_TOLD, signal }
      for await (const event of client.complete(job)) if (event.type === 'token' && event.logprobs) return new Map(event.logprobs.top)
      throw new Error('the ring told no log-probabilities')
    },
    heldBytes: () => report()?.heldBytes ?? null,
    close,
  }
}
