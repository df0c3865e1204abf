/**
 * Tokens per second of rings of tabs whose links take longer: 20 ms one way and more, as between homes. Delays and streams take turns on
 * the same rings, so that a ratio compares the same minutes of the machine.
 */
import { openBenchCluster, type BenchClusterOptions } from './cluster.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import { median, type BenchReport, type Table } from './report.ts'
import { checkAnswers, promptsFor } from './ring.ts'
import { runStreams } from './stream.ts'

export type HopsOptions = Pick<BenchClusterOptions, 'backend' | 'weights' | 'strategy'> & {
  readonly models: readonly BenchModel[]
  readonly tabs: readonly number[]
  readonly streams: readonly number[]
  /** Milliseconds that a message between two tabs takes longer. */
  readonly delays: readonly number[]
  readonly rounds: number
  readonly say: (line: string) => void
}

type Sample = {
  readonly model: string
  readonly tabs: number
  readonly delayMs: number
  readonly streams: number
  readonly round: number
  readonly tokensPerSecond: number
  readonly decodePerSecond: number
}

export async function benchHops(options: HopsOptions): Promise<BenchReport> {
  for (const model of options.models) await model.prepare()
  const cluster = await openBenchCluster({ ...options, tabs: Math.max(...options.tabs), modelsDir: BENCH_MODELS_DIR })
  try {
    const samples: Sample[] = []
    for (const model of options.models) {
      const solo = await cluster.ring(model, 1)
      const rings = [solo]
      for (const tabs of options.tabs) if (tabs > 1) rings.push(await cluster.ring(model, tabs))
      await checkAnswers(cluster, rings, model, Math.max(...options.streams))
      options.say(`${model.name}: all rings give equal token ids`)
      for (let round = 0; round < options.rounds; round++) {
        for (const delayMs of round % 2 === 0 ? options.delays : options.delays.toReversed()) {
          await cluster.delayLinks(delayMs)
          for (const ring of rings.slice(1))
            for (const streams of options.streams) {
              const prompts = promptsFor(model, streams)
              const { tokensPerSecond, decodePerSecond } = await runStreams(cluster.peer.client, ring.model, prompts, model.answerTokens)
              samples.push({ model: model.name, tabs: ring.tabs, delayMs, streams, round, tokensPerSecond, decodePerSecond })
            }
        }
        options.say(`${model.name}: round ${round + 1} of ${options.rounds}`)
      }
      for (const ring of rings) await cluster.drop(ring)
    }
    const tables = options.models.map((model) => tableOf(model, samples, options))
    return { browser: cluster.browser, tables, measurements: samples }
  } finally {
    await cluster.close()
  }
}

function tableOf(model: BenchModel, samples: readonly Sample[], options: HopsOptions): Table {
  const [one = 1] = options.streams
  const rows = options.delays.flatMap((delayMs) =>
    options.tabs
      .filter((tabs) => tabs > 1)
      .flatMap((tabs) => {
        const of = (streams: number): readonly Sample[] =>
          samples.filter((sample) => sample.model === model.name && sample.tabs === tabs && sample.delayMs === delayMs && sample.streams === streams)
        return options.streams.map((streams) => {
          const own = of(streams)
          const ratios = own.map(
            ({ round, tokensPerSecond }) => tokensPerSecond / (of(one).find((other) => other.round === round)?.tokensPerSecond ?? NaN),
          )
          return [
            delayMs,
            tabs,
            streams,
            median(own.map(({ tokensPerSecond }) => tokensPerSecond)),
            median(own.map(({ decodePerSecond }) => decodePerSecond)),
            median(ratios),
          ]
        })
      }),
  )
  return {
    title: `${model.title}: delay of each link one way, ms; ${options.rounds} interleaved rounds of ${model.answerTokens} tokens`,
    columns: ['delay', 'tabs', 'streams', 'tok/s, all', 'tok/s, decode', `to ${one} stream`],
    rows,
  }
}
