/** How a shard's weights are held, and what that did to them, in one sentence. */
import type { ShardReport } from '../../../protocol/cluster.ts'
import { countOf } from './quantities.ts'

/** `4.1 %`, `0.03 %`: two digits that say something. */
const percent = (error: number): string => `${Number((100 * error).toPrecision(2))} %`

const matrices = (count: number): string => (count === 1 ? '1 matrix' : `${count.toLocaleString('en')} matrices`)

/** `f32, all 57 matrices exact` · `int8, 24 matrices exact, 1 requantized, largest error 0.6 %`; the format alone before it is known. */
export function weightsSentence({ weightFormat, quantization }: Pick<ShardReport, 'weightFormat' | 'quantization'>): string {
  if (!quantization) return weightFormat
  const { losslessTensors: exact, requantizedTensors: rounded, worstError, worstTensors = [] } = quantization
  if (rounded === 0) return exact === 0 ? weightFormat : `${weightFormat}, ${exact === 1 ? '' : 'all '}${matrices(exact)} exact`
  const parts = exact === 0 ? [`${matrices(rounded)} requantized`] : [`${matrices(exact)} exact`, `${rounded.toLocaleString('en')} requantized`]
  const [worst] = worstTensors
  return [weightFormat, ...parts, `largest error ${percent(worstError)}${worst ? ` (${worst.tensor})` : ''}`].join(', ')
}

/** Of a device with several shards, each behind its layers' count where there are more than one. */
export const weightsOf = (shards: readonly ShardReport[]): string =>
  shards
    .map((shard) =>
      shards.length === 1 ? weightsSentence(shard) : `${countOf(shard.endLayer - shard.startLayer, 'layer')}: ${weightsSentence(shard)}`,
    )
    .join('; ')
