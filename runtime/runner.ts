/** The part of a shard runner that no backend changes: sequences, positions, number formats, what is wanted. */
import { asFloat32, asUint16 } from '../core/quant/stored.ts'
import type { Quantization } from '../protocol/cluster.ts'
import { ClusterError } from '../protocol/errors.ts'
import type { SequenceId } from '../protocol/ids.ts'
import { embed, type EmbeddingTable } from './embedding.ts'
import type { Engine, HiddenRows } from './engine.ts'
import type { ShardInput, ShardOutput, ShardRun, ShardRunner } from './shard-runner.ts'

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
  /** On the first shard only. */
  readonly embedding: EmbeddingTable | null
  readonly isLast: boolean
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

export function createRunner<Cache>(options: RunnerOptions<Cache>): ShardRunner {
  const { engine, contextLength } = options
  const sequences = new Map<SequenceId, Sequence<Cache>>()

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

  async function output({ want }: ShardRun): Promise<ShardOutput> {
    if (want.type === 'none') return { type: 'none' }
    if (want.type === 'hidden') return { type: 'hidden', bytes: await engine.readHidden(want.numberType) }
    if (!options.isLast) throw new ClusterError('invalid_value', 'logits were asked of a shard without a head')
    if (want.type === 'head') return { type: 'head', head: await engine.runHead() }
    return { type: 'all-logits', logits: await engine.runAllLogits() }
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
    heldBytes: options.heldBytes,
    quantization: options.quantization,
    open: (sequence, maxTokens) => {
      if (sequences.has(sequence)) return
      const bounded = Math.min(maxTokens, contextLength)
      sequences.set(sequence, { cache: engine.openCache(bounded), maxTokens: bounded, length: 0 })
    },
    run: async (run) => {
      const state = place(run)
      const rows = rowsOf(run.input, run.count, options)
      await engine.runLayers(state.cache, rows, run)
      run.onComputed?.()
      state.length = run.position + run.count
      return output(run)
    },
    release,
    openSequences: () => sequences.size,
    dispose: async () => {
      for (const sequence of [...sequences.keys()]) release(sequence)
      await engine.dispose()
    },
  }
}
