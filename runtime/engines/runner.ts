/** The part of a shard runner that no backend changes: sequences, positions, number formats, what is wanted. */
import { asFloat32, asUint16 } from '../../core/quant/stored.ts'
import type { Quantization } from '../../protocol/cluster.ts'
import { ClusterError, toClusterError } from '../../protocol/errors.ts'
import type { SequenceId } from '../../protocol/ids.ts'
import { embed, type EmbeddingTable } from './embedding.ts'
import type { HeadOutput } from '../../core/text/head-output.ts'
import type { FinalNorm } from './final-norm.ts'
import type { Engine, HiddenRows, Segment } from '../engine.ts'
import type { ShardInput, ShardOutput, ShardRun, ShardRunner, ShardWant } from '../shard-runner.ts'

export type RunnerOptions<Cache> = {
  readonly engine: Engine<Cache>
  readonly startLayer: number
  readonly endLayer: number
  readonly hiddenSize: number
  readonly restartAt: number | null
  readonly heldBytes: number
  readonly quantization: Quantization
  /** Tokens a sequence may hold at most. */
  readonly contextLength: number
  /** Whether every layer of the model, on whatever shard, keeps its tokens and no states. */
  readonly keepsTokens: boolean
  /** On the first shard only. */
  readonly embedding: EmbeddingTable | null
  readonly isLast: boolean
  /** Reads the norm behind the last layer, when it is first asked for. */
  readonly readNorm: () => Promise<FinalNorm>
}

/** A run that may go, and what the engine needs of it. */
type Accepted<Cache> = {
  readonly run: ShardRun
  readonly state: Sequence<Cache>
  /** Rows at its end that are sampled behind. */
  readonly headRows: number
  readonly readsLogits: boolean
  readonly segment: Segment<Cache>
}

type Sequence<Cache> = { readonly cache: Cache; readonly maxTokens: number; length: number }

function rowsOf(input: ShardInput, count: number, { embedding, hiddenSize }: { embedding: EmbeddingTable | null; hiddenSize: number }): HiddenRows {
  if (input.type === 'tokens') {
    if (!embedding) throw new ClusterError('invalid_value', 'token ids came to a shard that does not embed')
    if (input.ids.length !== count) throw new ClusterError('invalid_value', `${input.ids.length} token ids came where ${count} were announced`)
    return { numberType: 'f32', values: embed(embedding, input.ids) }
  }
  const expected = count * hiddenSize * (input.numberType === 'f16' ? 2 : 4)
  if (input.bytes.length !== expected)
    throw new ClusterError('malformed_frame', `hidden states of ${input.bytes.length} bytes; ${count} tokens take ${expected}`)
  return input.numberType === 'f16' ? { numberType: 'f16', halves: asUint16(input.bytes) } : { numberType: 'f32', values: asFloat32(input.bytes) }
}

function attempt<T>(make: () => T): T | ClusterError {
  try {
    return make()
  } catch (thrown) {
    return toClusterError(thrown)
  }
}

export function createRunner<Cache>(options: RunnerOptions<Cache>): ShardRunner {
  const { engine, contextLength } = options
  const sequences = new Map<SequenceId, Sequence<Cache>>()
  let norm: Promise<FinalNorm> | null = null

  function place({ sequence, position, count, reach }: ShardRun): Sequence<Cache> {
    const state = sequences.get(sequence)
    if (!state) throw new ClusterError('ring_broken', `sequence ${sequence} has no KV cache on this device`)
    if (count < 1 || position < 0 || reach < position + count)
      throw new ClusterError('malformed_frame', `a run of ${count} tokens at position ${position} of a pass that reaches ${reach}`)
    if (position > state.length) throw new ClusterError('ring_broken', `tokens for position ${position} came where ${state.length} is next`)
    if (position < state.length && position > 0 && !engine.canRewind)
      throw new ClusterError('ring_broken', `this model cannot go back to position ${position} of ${state.length}: it keeps states, not tokens`)
    if (position + count > state.maxTokens) {
      throw new ClusterError('context_length_exceeded', `${position + count} tokens; the sequence was opened for ${state.maxTokens}`, {
        detail: { promptTokens: position + count, contextLength: state.maxTokens },
      })
    }
    return state
  }

  function accept(run: ShardRun): Accepted<Cache> {
    const { want } = run
    const state = place(run)
    if (want.type !== 'hidden' && want.type !== 'none' && !options.isLast)
      throw new ClusterError('invalid_value', 'logits were asked of a shard without a head')
    const headRows = want.type === 'head' ? 1 : want.type === 'heads' ? want.rows : 0
    const readsLogits = (want.type === 'head' || want.type === 'heads') && want.readsLogits === true
    if (Math.max(headRows, want.type === 'normed' ? want.rows : 0) > run.count)
      throw new ClusterError('invalid_value', `more rows were asked for than the ${run.count} of a run`)
    return { run, state, headRows, readsLogits, segment: { cache: state.cache, hidden: rowsOf(run.input, run.count, options), span: run } }
  }

  /** One pass; outputs in the order of `accepted`. */
  async function pass(accepted: readonly Accepted<Cache>[]): Promise<readonly ShardOutput[]> {
    await engine.runLayers(accepted.map(({ segment }) => segment))
    for (const { state, run } of accepted) {
      run.onComputed?.()
      state.length = run.position + run.count
    }
    const rows = accepted.flatMap(({ run, headRows, readsLogits }, segment) =>
      Array.from({ length: headRows }, (_, i) => ({ segment, row: run.count - headRows + i, readsLogits })),
    )
    const heads = rows.length > 0 ? [...(await engine.runHeads(rows))] : []
    const outputs: ShardOutput[] = []
    for (const [segment, { run, headRows }] of accepted.entries()) outputs.push(await output(segment, run.want, heads.splice(0, headRows)))
    return outputs
  }

  async function normed(segment: number, rows: number): Promise<Float32Array> {
    norm ??= options.readNorm()
    norm.catch(() => (norm = null))
    const bytes = await engine.readHidden(segment, 'f32')
    const values = asFloat32(bytes.slice(bytes.length - rows * options.hiddenSize * 4))
    ;(await norm)(values)
    return values
  }

  async function output(segment: number, want: ShardWant, heads: readonly HeadOutput[]): Promise<ShardOutput> {
    switch (want.type) {
      case 'none':
        return { type: 'none' }
      case 'hidden':
        return { type: 'hidden', bytes: await engine.readHidden(segment, want.numberType) }
      case 'head': {
        const [head] = heads
        if (!head) throw new Error('a pass without its head')
        return { type: 'head', head }
      }
      case 'heads':
        return { type: 'heads', heads }
      case 'normed':
        return { type: 'normed', values: await normed(segment, want.rows) }
      case 'all-logits':
        return { type: 'all-logits', logits: await engine.runAllLogits(segment) }
    }
  }

  async function runBatch(runs: readonly ShardRun[], deliver: (index: number, output: ShardOutput | ClusterError) => Promise<void>): Promise<void> {
    for (let first = 0; first < runs.length; first += engine.maxSegments) {
      const group = runs.slice(first, first + engine.maxSegments).map((run) => attempt(() => accept(run)))
      const accepted = group.flatMap((one) => (one instanceof ClusterError ? [] : [one]))
      const outputs = accepted.length > 0 ? [...(await pass(accepted).catch((thrown: unknown) => accepted.map(() => toClusterError(thrown))))] : []
      for (const [i, one] of group.entries()) {
        const result = one instanceof ClusterError ? one : outputs.shift()
        if (result) await deliver(first + i, result)
      }
    }
  }

  function release(sequence: SequenceId): void {
    const state = sequences.get(sequence)
    if (!state) return
    sequences.delete(sequence)
    engine.closeCache(state.cache)
  }

  return {
    startLayer: options.startLayer,
    endLayer: options.endLayer,
    hiddenSize: options.hiddenSize,
    restartAt: options.restartAt,
    canRewind: engine.canRewind && options.keepsTokens,
    maxSegments: engine.maxSegments,
    heldBytes: options.heldBytes,
    quantization: options.quantization,
    open: (sequence, maxTokens) => {
      if (sequences.has(sequence)) return
      const bounded = Math.min(maxTokens, contextLength)
      sequences.set(sequence, { cache: engine.openCache(bounded), maxTokens: bounded, length: 0 })
    },
    run: async (run) => {
      const [output] = await pass([accept(run)])
      if (!output) throw new Error('a pass without an output')
      return output
    },
    runBatch,
    cached: (sequence) => {
      const state = sequences.get(sequence)
      return state ? { tokens: state.length, bytes: engine.cacheBytes(state.cache) } : null
    },
    cachesBytes: () => [...sequences.values()].reduce((sum, { cache }) => sum + engine.cacheBytes(cache), 0),
    newCacheBytes: (maxTokens) => engine.newCacheBytes(Math.min(maxTokens, contextLength)),
    release,
    openSequences: () => sequences.size,
    dispose: async () => {
      for (const sequence of [...sequences.keys()]) release(sequence)
      await engine.dispose()
    },
  }
}
