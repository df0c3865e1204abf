/** One golden case on one backend: whole, in every two and every three parts, chunked, token by token, rewound, interleaved. */
import { describeModel } from '../../core/model/describe-model.ts'
import { asFloat32 } from '../../core/quant/stored.ts'
import type { HandoffType, ShardOutput } from '../../runtime/shard-runner.ts'
import { chainOf, greedy, newSequence, shardPool, type Chain, type ChainOptions, type ShardPool } from './chain.ts'
import { readGolden, type Golden } from './golden.ts'

export type Check = { readonly name: string; readonly maxError: number; readonly bound: number; readonly passed: boolean }
/** Told but not judged. */
export type Observation = { readonly name: string; readonly value: string }
export type CaseReport = { readonly checks: readonly Check[]; readonly observations: readonly Observation[] }
export type CaseOptions = Omit<ChainOptions, 'model' | 'contextLength' | 'weightFormat'> & {
  /** Which ways to split the model are tried: every one into two and three parts when absent, or one into two and one into three, or none. */
  readonly splits?: 'every' | 'one-each' | 'none'
}

const CHUNK_TOKENS = 7

export function maxError(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length || a.length === 0) return Infinity
  let largest = 0
  for (let i = 0; i < a.length; i++) {
    const error = Math.abs((a[i] ?? NaN) - (b[i] ?? NaN))
    // NaN compares false: count it as infinitely wrong.
    largest = error <= largest ? largest : error >= 0 ? error : Infinity
  }
  return largest
}

const within = (name: string, error: number, bound: number): Check => ({ name, maxError: error, bound, passed: error <= bound })
const equalIds = (name: string, ids: readonly number[], expected: readonly number[]): Check => {
  const different = expected.filter((id, i) => ids[i] !== id).length + Math.max(0, ids.length - expected.length)
  return within(name, different, 0)
}

function floatsOf(output: ShardOutput): Float32Array {
  if (output.type === 'hidden') return asFloat32(output.bytes)
  if (output.type === 'all-logits') return output.logits
  throw new Error(`a run gave ${output.type}`)
}

/** Runs the whole prompt at once. */
async function promptRun(chain: Chain, ids: readonly number[], want: 'hidden' | 'all-logits', handoff: HandoffType = 'f32'): Promise<Float32Array> {
  const sequence = newSequence()
  chain.open(sequence, ids.length)
  try {
    return floatsOf(
      await chain.run(sequence, { position: 0, ids }, want === 'hidden' ? { type: 'hidden', numberType: 'f32' } : { type: 'all-logits' }, handoff),
    )
  } finally {
    chain.release(sequence)
  }
}

/** Decodes the golden continuation in chunks and then token by token, checking ids and the logits behind each. */
async function greedyChecks(chain: Chain, golden: Golden, label: string): Promise<Check[]> {
  const expected = golden.ids('greedy_ids')
  const rows: Float32Array[] = []
  const ids = await greedy(chain, golden.ids('input_ids'), {
    maxTokens: expected.length,
    stopIds: [],
    chunk: CHUNK_TOKENS,
    onLogits: (logits) => rows.push(logits),
  })
  const logits = golden.floats('greedy_logits')
  const width = logits.length / expected.length
  const error = Math.max(...rows.map((row, i) => maxError(row, logits.subarray(i * width, (i + 1) * width))))
  return [equalIds(`${label}: greedy ids`, ids, expected), within(`${label}: greedy logits`, error, golden.atol.float32)]
}

/** A cache that is rewound gives what a fresh one gives; a neighbour sequence in between changes nothing. */
async function rewindCheck(chain: Chain, golden: Golden): Promise<Check> {
  const ids = golden.ids('input_ids')
  const cut = Math.floor(ids.length / 2)
  const [sequence, neighbour] = [newSequence(), newSequence()]
  chain.open(sequence, ids.length)
  chain.open(neighbour, ids.length)
  try {
    await chain.run(sequence, { position: 0, ids: [...ids].reverse() }, { type: 'none' })
    await chain.run(sequence, { position: 0, ids: ids.slice(0, cut), reach: ids.length }, { type: 'none' })
    await chain.run(neighbour, { position: 0, ids: [...ids].reverse() }, { type: 'none' })
    const logits = floatsOf(await chain.run(sequence, { position: cut, ids: ids.slice(cut) }, { type: 'all-logits' }))
    return within('rewound and interleaved: logits', maxError(logits, golden.floats('logits').slice(-logits.length)), golden.atol.float32)
  } finally {
    chain.release(sequence)
    chain.release(neighbour)
  }
}

type Whole = { readonly checks: readonly Check[]; readonly logits: Float32Array }

async function wholeChecks(pool: ShardPool, golden: Golden): Promise<Whole> {
  const chain = await chainOf(pool, [])
  const ids = golden.ids('input_ids')
  const last = `hidden_after_layer_${pool.options.model.config.numLayers - 1}`
  const logits = await promptRun(chain, ids, 'all-logits')
  const checks = [
    within('whole: last hidden states', maxError(await promptRun(chain, ids, 'hidden'), golden.floats(last)), golden.atol.float32),
    within('whole: logits', maxError(logits, golden.floats('logits')), golden.atol.float32),
    ...(await greedyChecks(chain, golden, 'whole')),
    await rewindCheck(chain, golden),
  ]
  return { checks, logits }
}

/** The first shard of a chain as a chain of its own: its hidden states are what crosses the first cut. */
function firstShard(chain: Chain): Chain {
  const [first] = chain.runners
  if (!first) throw new Error('a chain without runners')
  return {
    ...chain,
    runners: [first],
    run: (sequence, { position, ids }, want) =>
      first.run({ sequence, position, count: ids.length, reach: position + ids.length, input: { type: 'tokens', ids }, want }),
  }
}

/** Against the golden values, and how far from the whole model with f32 and with f16 between the shards. */
async function twoShardChecks(pool: ShardPool, golden: Golden, cut: number, whole: Float32Array): Promise<CaseReport> {
  const label = `split at ${cut}`
  const chain = await chainOf(pool, [cut])
  const ids = golden.ids('input_ids')
  const hidden = await promptRun(firstShard(chain), ids, 'hidden')
  const logits = await promptRun(chain, ids, 'all-logits')
  const halves = await promptRun(chain, ids, 'all-logits', 'f16')
  const distance = maxError(whole, logits)
  return {
    checks: [
      within(`${label}: hidden states at the cut`, maxError(hidden, golden.floats(`hidden_after_layer_${cut - 1}`)), golden.atol.float32),
      within(`${label}: logits`, maxError(logits, golden.floats('logits')), golden.atol.float32),
      within(`${label}: logits against the whole model's`, distance, golden.atol.float32),
      within(`${label}: logits with f16 between shards`, maxError(whole, halves), golden.atol.float16),
      ...(await greedyChecks(chain, golden, label)),
    ],
    observations: [
      {
        name: `${label} against whole`,
        value: `f32 hand-off ${distance === 0 ? 'exact' : distance.toExponential(2)}, f16 hand-off ${maxError(whole, halves).toExponential(2)}`,
      },
    ],
  }
}

/** Logits of the prompt and of the continuation; what crosses each cut was judged with two shards. */
async function threeShardChecks(pool: ShardPool, golden: Golden, cuts: readonly [number, number]): Promise<Check[]> {
  const label = `split at ${cuts.join(', ')}`
  const chain = await chainOf(pool, cuts)
  const logits = await promptRun(chain, golden.ids('input_ids'), 'all-logits')
  return [within(`${label}: logits`, maxError(logits, golden.floats('logits')), golden.atol.float32), ...(await greedyChecks(chain, golden, label))]
}

type Splits = { readonly two: readonly number[]; readonly three: readonly (readonly [number, number])[] }

/** First layers of the later shards, of every way to split. */
function splitsOf(numLayers: number, which: 'every' | 'one-each' | 'none'): Splits {
  const cuts = Array.from({ length: numLayers - 1 }, (_, i) => i + 1)
  const pairs = cuts.flatMap((first) => cuts.filter((second) => second > first).map((second) => [first, second] as const))
  switch (which) {
    case 'every':
      return { two: cuts, three: pairs }
    case 'one-each':
      return { two: cuts.slice(0, 1), three: pairs.slice(-1) }
    case 'none':
      return { two: [], three: [] }
  }
}

async function runChecks(pool: ShardPool, golden: Golden, splits: Splits): Promise<CaseReport> {
  const whole = await wholeChecks(pool, golden)
  const checks: Check[] = [...whole.checks]
  const observations: Observation[] = []
  for (const cut of splits.two) {
    const report = await twoShardChecks(pool, golden, cut, whole.logits)
    checks.push(...report.checks)
    observations.push(...report.observations)
  }
  for (const cuts of splits.three) checks.push(...(await threeShardChecks(pool, golden, cuts)))
  const held = pool.runners().reduce((sum, runner) => sum + runner.openSequences(), 0)
  return { checks: [...checks, within('released sequences hold no cache', held, 0)], observations }
}

/** @throws {ClusterError} unsupported_model, unsupported_backend: the case is refused, not failed */
export async function runCase({ splits = 'every', ...options }: CaseOptions): Promise<CaseReport> {
  const model = await describeModel(options.source)
  const golden = await readGolden(options.source)
  const contextLength = golden.ids('input_ids').length + golden.ids('greedy_ids').length
  const pool = shardPool({ ...options, model, contextLength, weightFormat: 'f32' })
  try {
    return await runChecks(pool, golden, splitsOf(model.config.numLayers, splits))
  } finally {
    await pool.dispose()
  }
}
