/**
 * A model small enough to reason about, with what makes a ring hard: the state after each layer depends on every earlier token
 * of that layer. Integers below 2^20, so f32 hand-off is exact and any lost, doubled or reordered token changes the answer.
 */
import { quantizationOf } from '../../core/graph/fidelity.ts'
import type { ModelSizing } from '../../core/cluster/sizing.ts'
import type { HeadOutput } from '../../core/text/head-output.ts'
import { ClusterError, toClusterError } from '../../protocol/errors.ts'
import type { SequenceId } from '../../protocol/ids.ts'
import type { Pooling } from '../../protocol/ring.ts'
import type { ShardFetcher, ShardLoader } from '../../runtime/ring/shard-store.ts'
import type { ShardOutput, ShardRun, ShardRunner } from '../../runtime/shard-runner.ts'

export const TOY_VOCAB = 251
export const TOY_LAYERS = 8
const WIDTH = 4
const MODULUS = 65_521

const embed = (id: number): number[] => Array.from({ length: WIDTH }, (_, i) => (id * (31 + i) + 7 * i + 1) % MODULUS)
const layer = (hidden: readonly number[], past: readonly (readonly number[])[], index: number): number[] =>
  hidden.map((value, i) => (value * (3 + index) + past.reduce((sum, row, t) => (sum + (row[i] ?? 0) * (t + 1)) % MODULUS, 0) + index) % MODULUS)
const logitsOf = (hidden: readonly number[]): Float32Array =>
  Float32Array.from({ length: TOY_VOCAB }, (_, id) => ((hidden.reduce((sum, value, i) => sum + value * (i + 1), 0) * (id + 17)) % 1009) / 100)

/** The unsplit model: the state behind its layers of one token after the other. */
function toyStates(): (id: number) => readonly number[] {
  const caches: number[][][] = Array.from({ length: TOY_LAYERS }, () => [])
  return (id) => {
    let hidden = embed(id)
    for (let i = 0; i < TOY_LAYERS; i++) {
      const cache = caches[i] ?? []
      cache.push(hidden)
      hidden = layer(hidden, cache, i)
    }
    return hidden
  }
}

/** The vector of the unsplit model, which has no norm. */
export function toyVector(promptIds: readonly number[], pooling: Pooling): readonly number[] {
  const rows = promptIds.map(toyStates())
  if (pooling === 'last') return rows.at(-1) ?? []
  return Array.from({ length: WIDTH }, (_, i) => rows.reduce((sum, row) => sum + (row[i] ?? 0), 0) / rows.length)
}

/** The answer of the unsplit model, greedy: what every ring must give. */
export function toyAnswer(promptIds: readonly number[], count: number): number[] {
  const stateOf = toyStates()
  const run = (id: number): number => {
    const logits = logitsOf(stateOf(id))
    return logits.indexOf(Math.max(...logits))
  }
  let next = promptIds.reduce((_, id) => run(id), 0)
  const answer = [next]
  while (answer.length < count) answer.push((next = run(next)))
  return answer
}

export const toySizing = (contextLength: number): ModelSizing => ({
  numLayers: TOY_LAYERS,
  contextLength,
  hiddenSize: WIDTH,
  needsF32: false,
  refusal: () => null,
  shardBytes: (range) => (range.endLayer - range.startLayer) * 100,
  work: (range) => range.endLayer - range.startLayer,
})

export type ToyShards = {
  readonly load: ShardLoader
  /** Goes on until `finishFetch`, or until it is told to stop. */
  readonly fetch: ShardFetcher
  readonly finishFetch: () => void
  /** Fetches that were told to stop. */
  readonly stopped: () => number
  readonly runners: (ShardRunner & { readonly disposed: () => boolean })[]
  readonly caches: () => number
}

/** Loads toy shards and remembers them, so that tests can count caches and loads. */
export type ToyPace = {
  /** Resolves when a shard of so many layers has been read and prepared. */
  readonly load: (layers: number) => Promise<void>
  /** Resolves when so many layers have run over so many tokens. */
  readonly run: (layers: number, tokens: number) => Promise<void>
  /** Whether what is computed is handed on wrongly now: 5 % too large, and the least likely tokens. Default: never. */
  readonly lies?: () => boolean
}
export type ToyLimits = {
  /** Length from which on a sequence must be run anew: what ran before by another reach is refused then. */
  readonly restartAt?: number | null
  /** Runs that one pass may have. */
  readonly maxSegments?: number
  /** Caches that it truly has memory for, whatever is said of it. */
  readonly mostCaches?: () => number
  /** What a KV cache takes when it is opened, as far as admission knows. */
  readonly newCacheBytes?: number
}
const AT_ONCE: ToyPace = { load: () => Promise.resolve(), run: () => Promise.resolve() }

export function toyShards(
  pace: ToyPace = AT_ONCE,
  { restartAt = null, maxSegments = Infinity, newCacheBytes = 0, mostCaches = () => Infinity }: ToyLimits = {},
): ToyShards {
  const runners: (ShardRunner & { readonly disposed: () => boolean })[] = []
  let finishFetch = (): void => undefined
  let stopped = 0
  return {
    runners,
    finishFetch: () => finishFetch(),
    stopped: () => stopped,
    fetch: ({ onProgress, signal }) => {
      onProgress({ phase: 'downloading', loadedBytes: 40, totalBytes: 100 })
      return new Promise((resolve, reject) => {
        finishFetch = () => {
          onProgress({ phase: 'downloading', loadedBytes: 100, totalBytes: 100 })
          resolve()
        }
        signal.addEventListener('abort', () => {
          stopped += 1
          reject(new ClusterError('cancelled', 'stopped'))
        })
      })
    },
    caches: () => runners.reduce((sum, runner) => sum + runner.openSequences(), 0),
    load: async ({ shard, onProgress }) => {
      onProgress({ phase: 'downloading', loadedBytes: 1, totalBytes: 1 })
      await pace.load(shard.endLayer - shard.startLayer)
      const runner = toyRunner(shard.startLayer, shard.endLayer, pace, { restartAt, maxSegments, newCacheBytes, mostCaches })
      runners.push(runner)
      return runner
    },
  }
}

/** A byte for each token and layer. */
const bytesOf = (caches: readonly (readonly unknown[])[]): number => caches.reduce((sum, cache) => sum + cache.length, 0)

function toyRunner(
  startLayer: number,
  endLayer: number,
  pace: ToyPace,
  { restartAt, maxSegments, newCacheBytes, mostCaches }: Required<ToyLimits>,
): ShardRunner & { readonly disposed: () => boolean } {
  const sequences = new Map<SequenceId, number[][][]>()
  /** Sequences that have run from their start since they outgrew `restartAt`. */
  const anew = new Set<SequenceId>()
  let disposed = false

  function runLayers(run: ShardRun): number[][] {
    const caches = sequences.get(run.sequence)
    if (!caches) throw new Error('sequence is not open')
    const view = run.input.type === 'hidden' ? new Float32Array(run.input.bytes.slice().buffer) : null
    return Array.from({ length: run.count }, (_, t) => {
      let hidden = run.input.type === 'tokens' ? embed(run.input.ids[t] ?? 0) : [...(view ?? []).slice(t * WIDTH, (t + 1) * WIDTH)]
      for (let i = startLayer; i < endLayer; i++) {
        const cache = caches[i - startLayer] ?? []
        if (cache.length < run.position + t) throw new Error(`a gap: ${cache.length} cached, position ${run.position + t}`)
        cache.length = run.position + t
        cache.push(hidden)
        hidden = layer(hidden, cache, i)
      }
      return hidden
    })
  }

  return {
    startLayer,
    endLayer,
    hiddenSize: WIDTH,
    restartAt,
    canRewind: true,
    maxSegments,
    heldBytes: (endLayer - startLayer) * 100,
    quantization: quantizationOf([]),
    open: (sequence) => {
      if (!sequences.has(sequence) && sequences.size >= mostCaches()) throw new ClusterError('not_enough_memory', 'no memory for another cache')
      if (!sequences.has(sequence))
        sequences.set(
          sequence,
          Array.from({ length: endLayer - startLayer }, () => []),
        )
    },
    run: async (run) => {
      await pace.run(endLayer - startLayer, run.count)
      return compute(run)
    },
    runBatch: async (runs, deliver) => {
      await pace.run(
        endLayer - startLayer,
        runs.reduce((sum, { count }) => sum + count, 0),
      )
      for (const [i, run] of runs.entries()) {
        let output: ShardOutput | ClusterError
        try {
          output = compute(run)
        } catch (thrown) {
          output = toClusterError(thrown)
        }
        await deliver(i, output)
      }
    },
    cached: (sequence) => {
      const caches = sequences.get(sequence)
      return caches ? { tokens: caches[0]?.length ?? 0, bytes: bytesOf(caches) } : null
    },
    cachesBytes: () => [...sequences.values()].reduce((sum, caches) => sum + bytesOf(caches), 0),
    newCacheBytes: () => newCacheBytes,
    release: (sequence) => void sequences.delete(sequence),
    openSequences: () => sequences.size,
    dispose: async () => {
      disposed = true
    },
    disposed: () => disposed,
  }

  function compute(run: ShardRun): ShardOutput {
    if (restartAt !== null && run.reach > restartAt) {
      if (run.position === 0) anew.add(run.sequence)
      if (!anew.has(run.sequence)) throw new Error(`a pass that reaches ${run.reach} goes on with what was rotated otherwise`)
    }
    const lies = pace.lies?.() ?? false
    const rows = runLayers(run).map((row) => (lies ? row.map((value) => value * 1.05) : row))
    const logitsIn = (row: readonly number[]): Float32Array => (lies ? logitsOf(row).map((value) => -value) : logitsOf(row))
    const headOf = (row: readonly number[]): HeadOutput => ({ vocabSize: TOY_VOCAB, shortlist: null, readLogits: async () => logitsIn(row) })
    switch (run.want.type) {
      case 'hidden':
        return { type: 'hidden', bytes: new Uint8Array(Float32Array.from(rows.flat()).buffer) }
      case 'head':
        return { type: 'head', head: headOf(rows.at(-1) ?? []) }
      case 'heads':
        return { type: 'heads', heads: rows.slice(-run.want.rows).map(headOf) }
      case 'normed':
        return { type: 'normed', values: Float32Array.from(rows.slice(-run.want.rows).flat()) }
      case 'none':
        return { type: 'none' }
      case 'all-logits':
        return { type: 'all-logits', logits: Float32Array.from(rows.flatMap((row) => [...logitsOf(row)])) }
    }
  }
}
