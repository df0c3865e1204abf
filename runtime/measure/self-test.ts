/** Whether a backend computes what is known: prefill, decode, head and shortlist of a model of one layer. */
import { describeModel } from '../../core/model/describe-model.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { sequenceId } from '../../protocol/ids.ts'
import type { BackendRuntime, LoadShardOptions } from '../engines/load-options.ts'
import type { ShardRunner } from '../shard-runner.ts'
import KNOWN_LOGITS from './known-logits.json' with { type: 'json' }
import { KNOWN_PROMPT, knownSource } from './known-model.ts'

/**
 * Largest error, root mean square relative to the logits': about three times what each format costs. Integers round activations too,
 * and those of a row only its weights.
 */
const TOLERANCE: Readonly<Record<WeightFormat, number>> = { f32: 0.001, f16: 0.01, int8: 0.02, int4: 0.03 }

const SEQUENCE = sequenceId('000000000000007e')

export function relativeError(actual: Float32Array, expected: readonly number[]): number {
  let [differences, squares] = [0, 0]
  expected.forEach((value, i) => {
    differences += ((actual[i] ?? NaN) - value) ** 2
    squares += value ** 2
  })
  return Math.sqrt(differences / squares)
}

/** All but the last token of the prompt at once, then the last as in decoding. */
async function logitsOf(runner: ShardRunner): Promise<{ readonly logits: Float32Array; readonly ids: readonly number[] }> {
  const last = KNOWN_PROMPT.length - 1
  const pass = { sequence: SEQUENCE, reach: KNOWN_PROMPT.length }
  const tokens = (from: number, to: number) => ({ type: 'tokens', ids: KNOWN_PROMPT.slice(from, to) }) as const
  runner.open(SEQUENCE, KNOWN_PROMPT.length)
  await runner.run({ ...pass, position: 0, count: last, input: tokens(0, last), want: { type: 'none' } })
  const output = await runner.run({ ...pass, position: last, count: 1, input: tokens(last, last + 1), want: { type: 'head' } })
  if (output.type !== 'head') throw new ClusterError('unsupported_backend', 'the self-test got no logits')
  const { shortlist, readLogits } = output.head
  return { logits: await readLogits(), ids: [...(shortlist?.ids ?? [])] }
}

/** The largest logits in order, as the backend's own shortlist should have them. */
const ranked = (logits: Float32Array): readonly number[] => [...logits.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)

export type OpenKnownShard = (options: LoadShardOptions) => Promise<ShardRunner>

/**
 * @param open loads a shard on the backend: `loadShard`, or a test's
 * @throws {ClusterError} unsupported_backend, in words, when the backend is wrong or does not run
 */
export async function selfTest(runtime: BackendRuntime, weightFormat: WeightFormat, open: OpenKnownShard): Promise<void> {
  const source = knownSource()
  const model = await describeModel(source)
  const shard = { source, model, startLayer: 0, endLayer: 1, contextLength: model.contextLength }
  const runner = await open({ ...runtime, ...shard, weightFormat })
  try {
    const { logits, ids } = await logitsOf(runner)
    const error = relativeError(logits, KNOWN_LOGITS)
    if (!(error <= TOLERANCE[weightFormat]))
      throw new ClusterError(
        'unsupported_backend',
        `it computes wrongly: answers that are known came out ${(100 * error).toFixed(error < 0.1 ? 1 : 0)} % off`,
      )
    const expected = ranked(logits)
    if (ids.some((id, i) => id !== expected[i]))
      throw new ClusterError('unsupported_backend', 'it computes wrongly: its largest logits are not the largest')
  } finally {
    await runner.dispose()
  }
}
