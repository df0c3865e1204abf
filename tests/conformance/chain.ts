/** Shards of one model behind each other in one process: what a ring does, without the ring. */
import { sequenceId, type SequenceId } from '../../protocol/ids.ts'
import type { LoadShardOptions } from '../../runtime/engines/load-options.ts'
import { loadShard } from '../../runtime/engines/load-shard.ts'
import type { HandoffType, ShardInput, ShardOutput, ShardRunner, ShardWant } from '../../runtime/shard-runner.ts'

/** All that loading needs beside the range. */
export type ChainOptions = Omit<LoadShardOptions, 'startLayer' | 'endLayer'>

/** `reach` is that of the last of `ids` unless they are a chunk of a longer pass. */
export type ChainTokens = { readonly position: number; readonly ids: readonly number[]; readonly reach?: number }

export type Chain = {
  readonly runners: readonly ShardRunner[]
  readonly open: (sequence: SequenceId, maxTokens: number) => void
  /** `handoff` overrides the chain's own number format between shards. */
  readonly run: (sequence: SequenceId, tokens: ChainTokens, want: ShardWant, handoff?: HandoffType) => Promise<ShardOutput>
  readonly release: (sequence: SequenceId) => void
}

let nextSequence = 1
export const newSequence = (): SequenceId => sequenceId((nextSequence++).toString(16).padStart(16, '0'))

/** Shards by their range, each loaded when it is first asked for: the splits of one model share them. */
export type ShardPool = {
  readonly options: ChainOptions
  readonly take: (startLayer: number, endLayer: number) => Promise<ShardRunner>
  readonly runners: () => readonly ShardRunner[]
  readonly dispose: () => Promise<void>
}

export function shardPool(options: ChainOptions): ShardPool {
  const shards = new Map<string, ShardRunner>()
  return {
    options,
    take: async (startLayer, endLayer) => {
      const key = `${startLayer} ${endLayer}`
      const shard = shards.get(key) ?? (await loadShard({ ...options, startLayer, endLayer }))
      shards.set(key, shard)
      return shard
    },
    runners: () => [...shards.values()],
    dispose: async () => {
      for (const shard of shards.values()) await shard.dispose()
    },
  }
}

/** @param cuts first layers of the shards after the first; empty for the whole model */
export async function chainOf(pool: ShardPool, cuts: readonly number[], chainHandoff: HandoffType = 'f32'): Promise<Chain> {
  const bounds = [0, ...cuts, pool.options.model.config.numLayers]
  const runners: ShardRunner[] = []
  for (const [i, startLayer] of bounds.slice(0, -1).entries()) runners.push(await pool.take(startLayer, bounds[i + 1] ?? 0))
  return chainOver(runners, chainHandoff)
}

/** @param runners shards behind each other, from the first layer to the last */
export const chainOver = (runners: readonly ShardRunner[], chainHandoff: HandoffType): Chain => ({
  runners,
  open: (sequence, maxTokens) => runners.forEach((runner) => runner.open(sequence, maxTokens)),
  run: (sequence, tokens, want, handoff = chainHandoff) => runChain(runners, sequence, tokens, want, handoff),
  release: (sequence) => runners.forEach((runner) => runner.release(sequence)),
})

async function runChain(
  runners: readonly ShardRunner[],
  sequence: SequenceId,
  tokens: ChainTokens,
  want: ShardWant,
  handoff: HandoffType,
): Promise<ShardOutput> {
  const { position, ids, reach = position + ids.length } = tokens
  let input: ShardInput = { type: 'tokens', ids }
  let output: ShardOutput = { type: 'none' }
  for (const [i, runner] of runners.entries()) {
    const isLast = i === runners.length - 1
    output = await runner.run({ sequence, position, count: ids.length, reach, input, want: isLast ? want : { type: 'hidden', numberType: handoff } })
    if (!isLast && output.type === 'hidden') input = { type: 'hidden', numberType: handoff, bytes: output.bytes }
  }
  return output
}

/** Index of the largest; the lowest among equals. */
export function argmax(values: Float32Array): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if ((values[i] ?? -Infinity) > (values[best] ?? -Infinity)) best = i
  return best
}

/** Logits at the last row of a run that wanted the head. */
export async function headLogits(output: ShardOutput): Promise<Float32Array> {
  if (output.type !== 'head') throw new Error(`a run gave ${output.type} where the head was wanted`)
  return (await output.head.readLogits()).slice()
}

/**
 * Greedy continuation. The prompt is run in chunks of `chunk` tokens.
 * @param onLogits sees the logits that chose each id
 */
export async function greedy(
  chain: Chain,
  promptIds: readonly number[],
  options: {
    readonly maxTokens: number
    readonly stopIds: readonly number[]
    readonly chunk: number
    readonly onLogits?: (logits: Float32Array) => void
  },
): Promise<number[]> {
  const sequence = newSequence()
  chain.open(sequence, promptIds.length + options.maxTokens)
  try {
    const ids: number[] = []
    let [position, pending, reach]: [number, readonly number[], number] = [0, promptIds, promptIds.length]
    for (;;) {
      const chunk = pending.slice(0, options.chunk)
      pending = pending.slice(chunk.length)
      const output = await chain.run(
        sequence,
        { position, ids: chunk, reach },
        pending.length > 0 ? { type: 'none' } : { type: 'head', readsLogits: true },
      )
      position += chunk.length
      if (pending.length > 0) continue
      const logits = await headLogits(output)
      options.onLogits?.(logits)
      const id = output.type === 'head' && output.head.shortlist ? (output.head.shortlist.ids[0] ?? -1) : argmax(logits)
      ids.push(id)
      if (ids.length === options.maxTokens || options.stopIds.includes(id)) return ids
      pending = [id]
      // All tokens again where the rotation of all changes.
      if (position === chain.runners[0]?.restartAt) [position, pending] = [0, [...promptIds, ...ids]]
      reach = position + pending.length
    }
  } finally {
    chain.release(sequence)
  }
}
