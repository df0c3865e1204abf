/** What a figure shows of the JSON that `npm run bench -- ring` or `hops` writes: medians over rounds, as the tables beside it. */
import { z } from 'zod'

const surroundings = { date: z.string(), cpu: z.string(), cores: z.number(), load: z.number().nullable(), browser: z.string() }
const sampleSchema = z.object({ tabs: z.number(), streams: z.number(), tokensPerSecond: z.number() })
const ringSchema = z.object({
  bench: z.literal('ring'),
  ...surroundings,
  measurements: z.array(z.object({ model: z.string(), samples: z.array(sampleSchema) })),
})
const hopsSchema = z.object({
  bench: z.literal('hops'),
  ...surroundings,
  measurements: z.array(sampleSchema.extend({ model: z.string(), delayMs: z.number() })),
})
const benchSchema = z.discriminatedUnion('bench', [ringSchema, hopsSchema])
type Bench = z.infer<typeof benchSchema>

export type Figure = {
  /** `ring-ember`: of the file, below docs/figures. */
  readonly name: string
  readonly kind: 'bars' | 'lines'
  readonly title: string
  /** Where and when. */
  readonly subtitle: string
  readonly xName: string
  readonly xs: readonly number[]
  /** Tokens per second at each x; null where nothing was measured. */
  readonly series: readonly { readonly name: string; readonly values: readonly (number | null)[] }[]
}

const distinct = (values: readonly number[]): readonly number[] => [...new Set(values)].toSorted((a, b) => a - b)
const countOf = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

const whereAndWhen = ({ date, cpu, cores, load, browser }: Bench): string =>
  `${date.slice(0, 10)}, ${browser}, ${countOf(cores, 'core')} of ${cpu}${load === null ? '' : `, load ${load.toFixed(1)}`}`

type Sample = z.infer<typeof sampleSchema>

/** @param xOf what a sample is drawn at @param seriesOf the line or colour that it belongs to */
function seriesOver<S extends Sample>(
  samples: readonly S[],
  xs: readonly number[],
  xOf: (sample: S) => number,
  seriesOf: (sample: S) => string,
): Figure['series'] {
  const names = [...new Set(samples.map(seriesOf))]
  return names.map((name) => ({
    name,
    values: xs.map((x) => median(samples.filter((sample) => seriesOf(sample) === name && xOf(sample) === x).map((sample) => sample.tokensPerSecond))),
  }))
}

function ringFigures(bench: z.infer<typeof ringSchema>): readonly Figure[] {
  return bench.measurements.map(({ model, samples }) => {
    const xs = distinct(samples.map(({ streams }) => streams))
    const inOrder = samples.toSorted((a, b) => a.tabs - b.tabs)
    return {
      name: `ring-${model}`,
      kind: 'bars',
      title: `${model}: tokens per second of all streams together`,
      subtitle: whereAndWhen(bench),
      xName: 'streams at once',
      xs,
      series: seriesOver(
        inOrder,
        xs,
        (sample) => sample.streams,
        ({ tabs }) => countOf(tabs, 'tab'),
      ),
    }
  })
}

function hopsFigures(bench: z.infer<typeof hopsSchema>): readonly Figure[] {
  const models = [...new Set(bench.measurements.map(({ model }) => model))]
  return models.map((model) => {
    const samples = bench.measurements.filter((sample) => sample.model === model).toSorted((a, b) => a.tabs - b.tabs || a.streams - b.streams)
    const xs = distinct(samples.map(({ delayMs }) => delayMs))
    return {
      name: `hops-${model}`,
      kind: 'lines',
      title: `${model}: tokens per second of all streams together`,
      subtitle: whereAndWhen(bench),
      xName: 'delay of each hop one way, ms',
      xs,
      series: seriesOver(
        samples,
        xs,
        (sample) => sample.delayMs,
        ({ tabs, streams }) => `${countOf(tabs, 'tab')}, ${countOf(streams, 'stream')}`,
      ),
    }
  })
}

/** @param json as a bench wrote it @throws {Error} when it is of another bench, or no such thing */
export function figuresOf(json: unknown): readonly Figure[] {
  const bench = benchSchema.parse(json)
  return bench.bench === 'ring' ? ringFigures(bench) : hopsFigures(bench)
}
