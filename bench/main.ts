/** `npm run bench -- NAME [--json FILE]`: checks a result, then times it. Prints tables as Markdown. */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { backendSchema, strategySchema, weightFormatSchema, type Backend, type WeightFormat } from '../protocol/cluster.ts'
import { benchChaos } from './chaos.ts'
import { benchChat } from './chat.ts'
import { benchEstimate } from './estimate.ts'
import { benchFailover, FAILOVER_PLACES } from './failover.ts'
import { benchGateway } from './gateway.ts'
import { benchHead } from './head.ts'
import { benchKernels } from './kernels.ts'
import { benchHops } from './hops.ts'
import { benchJoin } from './join.ts'
import { benchLighthouse, LIGHTHOUSE_PAGES } from './lighthouse.ts'
import { benchLoad } from './load.ts'
import { benchLookup } from './lookup.ts'
import { BENCH_MODELS, KERNEL_MODELS, SINGLE_MODELS, type BenchModel } from './models.ts'
import { benchPage } from './page.ts'
import { benchPlacement } from './placement.ts'
import { benchPrefix } from './prefix.ts'
import { renderTable, surroundings, type BenchReport } from './report.ts'
import { benchPrefill } from './prefill.ts'
import { benchRing } from './ring.ts'
import { benchStraggler } from './straggler.ts'
import { benchSingle, CONTENDERS } from './single.ts'
import { FIGURES } from './single-figures.ts'
import { benchSoak } from './soak.ts'

const OPTIONS = {
  json: { type: 'string' },
  model: { type: 'string', multiple: true },
  checkpoint: { type: 'string', multiple: true },
  rounds: { type: 'string', default: '5' },
  runs: { type: 'string', default: '1000' },
  from: { type: 'string', default: '0' },
  spares: { type: 'string', default: 'both' },
  places: { type: 'string', default: FAILOVER_PLACES.join(',') },
  pages: { type: 'string', default: LIGHTHOUSE_PAGES.join(',') },
  minutes: { type: 'string', default: '30' },
  tabs: { type: 'string', default: '1,2,3' },
  streams: { type: 'string', default: '1,4' },
  mb: { type: 'string', default: '500' },
  backend: { type: 'string' },
  weights: { type: 'string' },
  delays: { type: 'string', default: '0,5,20,50' },
  cuts: { type: 'string', default: '10' },
  seed: { type: 'string', default: '1' },
  threads: { type: 'string', default: '1' },
  peers: { type: 'string' },
  contender: { type: 'string', multiple: true },
  figures: { type: 'string', default: FIGURES.join(',') },
  tokens: { type: 'string' },
  strategy: { type: 'string', default: 'throughput' },
} as const
const USAGE = `npm run bench -- NAME [options]

  ring       tokens/s of rings of tabs on this machine, one WASM thread a tab
  single     one tab by itself in each weight format, against wllama and transformers.js with the same weights
  kernels    time of each SIMD kernel of a pass beside plain loops over memory and of products: the roof
  head       the head of one token on WebGPU: our kernels beside a graph whose logits are read back
  hops       the same with a delay in every link between tabs
  prefill    a prompt of 1000 tokens begins while four streams decode: how much slower they get, and how long one pauses
  failover   tabs killed in mid-answer: whether the answer is the same, and how long it paused
  chaos      seeded runs with faults in the simulator, no browser: whether any token is lost, doubled or wrong
  join       a tab joins while four answers run: whether they notice
  soak       tabs that come and go under constant load: what is left behind in the server and in the tabs that stay
  gateway    the gateway over a stub ring, no browser: CPU a streamed token, a thousand streams at once, what comes beyond its bounds
  page       a tab that serves: what its page said of it beforehand and what it then takes, frames a second and long tasks under load
  placement  laps predicted when rings of tabs are placed by measured time, and laps observed then
  straggler  one of three tabs stopped for nine tenths of the time: how fast the ring is thirty seconds later
  estimate   memory predicted for a shard against what a process grows by, on both CPU backends; with --backend webgpu in a page
  lookup     tokens/s with guesses ahead and without, at 20 ms a hop, of an answer that quotes its prompt and of one that does not
  prefix     time to the first token of a second turn, from the KV caches of the first and computed whole
  chat       search in 1000 chats, and from a token's arrival to the frame that shows it
  lighthouse performance and accessibility of each page, as a phone and as a desktop sees it
  load       a random checkpoint into one tab: memory, standstill, cut connections, reload

  --json FILE      every measurement, with date, machine and browser
  --model NAME     ${BENCH_MODELS.map(({ name }) => name).join(' or ')}, of single ${SINGLE_MODELS.map(({ name }) => name).join(' or ')}, of kernels ${KERNEL_MODELS.map(({ name }) => name).join(' or ')}; may be given more than once; default: all
  --checkpoint DIR a folder with a checkpoint, for estimate; may be given more than once
  --tabs 1,2,3     sizes of the rings, the one to compare with first
  --streams 1,4    streams at once, the number to compare with first
  --threads 1,2    of single: threads of each engine; default 1
  --peers DIR      of single: models for the other engines; without it the commands that make them are told
  --contender NAME of single: ${CONTENDERS.join(', ')}; may be given more than once; default: all
  --figures LIST   of single: ${FIGURES.join(', ')}; default: all
  --rounds N       interleaved rounds, of which medians are taken; of failover, kills of each way at each place; default 5
  --runs N         runs of chaos; default 1000
  --from N         seed of the first of them; default 0
  --minutes N      of soak; default 30
  --mb N           size of the checkpoint in MiB; default 500
  --backend NAME   wasm, simd or webgpu; default wasm, of ring, hops and prefill simd
  --weights NAME   f32, f16, int8, int4 or auto, which the placement chooses; default auto, of ring, hops and prefill f32
  --tokens N       of ring and hops: tokens of an answer; default what the model takes a second or more for on one tab
  --strategy NAME  of ring, hops, lookup and prefill: how layers are placed: throughput, latency, auto or memory-weighted; default throughput
  --delays 0,20    of hops: milliseconds that a message between two tabs takes longer; default 0,5,20,50
  --cuts N         connections cut at random bytes of the second load; default 10
  --seed N         of those bytes, or of the moments and prompts of failover; default 1
  --spares WHICH   of failover: rings with a spare, without, or both; default both
  --places LIST    of failover: ${FAILOVER_PLACES.join(', ')}; default: all
  --pages LIST     of lighthouse: ${LIGHTHOUSE_PAGES.join(', ')}; default: all`

class UsageError extends Error {}

function wholeNumbers(option: string, text: string, most: number, least = 1): readonly number[] {
  const numbers = text.split(',').map(Number)
  if (numbers.every((number) => Number.isInteger(number) && number >= least && number <= most)) return numbers
  throw new UsageError(`--${option} expects whole numbers from ${least} to ${most}, but got "${text}"`)
}

type Values = ReturnType<typeof parse>['values']
function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: true })
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause))
  }
}

function modelsOf(names: readonly string[] | undefined, all: readonly BenchModel[] = BENCH_MODELS) {
  return (names ?? all.map(({ name }) => name)).map((name) => {
    const model = all.find((candidate) => candidate.name === name)
    if (!model) throw new UsageError(`there is no bench model "${name}"; known are ${all.map((known) => known.name).join(', ')}`)
    return model
  })
}

const say = (line: string): void => void process.stderr.write(`${line}\n`)

function choice<Choice extends string>(option: string, text: string, choices: readonly Choice[]): Choice {
  const chosen = choices.find((candidate) => candidate === text)
  if (chosen !== undefined) return chosen
  throw new UsageError(`--${option} expects ${choices.join(', ')}, but got "${text}"`)
}

const wholeNumber = (option: string, text: string, most: number): number => wholeNumbers(option, text, most)[0] ?? 1

function delaysOf(text: string): readonly number[] {
  const delays = text.split(',').map(Number)
  if (delays.every((delay) => Number.isInteger(delay) && delay >= 0 && delay <= 1000)) return delays
  throw new UsageError(`--delays expects whole milliseconds from 0 to 1000, but got "${text}"`)
}

/** With answers of so many tokens as asked for. */
const answering = (models: readonly BenchModel[], { tokens }: Values): readonly BenchModel[] =>
  tokens === undefined ? models : models.map((model) => ({ ...model, answerTokens: wholeNumber('tokens', tokens, 2000) }))

const deviceOf = ({ backend, weights }: Values, usualBackend: Backend, usualWeights: WeightFormat | 'auto') => ({
  backend: choice('backend', backend ?? usualBackend, backendSchema.options),
  weights: choice('weights', weights ?? usualWeights, ['auto', ...weightFormatSchema.options]),
})
/** Rings of tabs are of one kind of device, and fast enough for floats. */
const ringOf = (values: Values) => ({ ...deviceOf(values, 'simd', 'f32'), strategy: choice('strategy', values.strategy, strategySchema.options) })

const BENCHES: Readonly<Record<string, (values: Values) => Promise<BenchReport>>> = {
  estimate: (values) =>
    benchEstimate({
      on: values.backend === 'webgpu' ? 'webgpu' : 'cpu',
      models: modelsOf(values.model),
      folders: values.checkpoint ?? [],
      say,
    }),
  ring: (values) =>
    benchRing({
      models: answering(modelsOf(values.model), values),
      tabs: wholeNumbers('tabs', values.tabs, 8),
      streams: wholeNumbers('streams', values.streams, 64),
      rounds: wholeNumber('rounds', values.rounds, 1000),
      ...ringOf(values),
      say,
    }),
  hops: (values) =>
    benchHops({
      models: answering(modelsOf(values.model), values),
      tabs: wholeNumbers('tabs', values.tabs, 8),
      streams: wholeNumbers('streams', values.streams, 64),
      delays: delaysOf(values.delays),
      rounds: wholeNumber('rounds', values.rounds, 1000),
      ...ringOf(values),
      say,
    }),
  prefill: (values) =>
    benchPrefill({
      models: modelsOf(values.model ?? ['smollm2-135m-random']),
      tabs: wholeNumbers('tabs', values.tabs, 8),
      rounds: wholeNumber('rounds', values.rounds, 1000),
      ...ringOf(values),
      say,
    }),
  lookup: (values) =>
    benchLookup({
      models: modelsOf(values.model),
      tabs: wholeNumbers('tabs', values.tabs, 8),
      rounds: wholeNumber('rounds', values.rounds, 1000),
      ...ringOf(values),
      say,
    }),
  prefix: (values) =>
    benchPrefix({
      models: modelsOf(values.model),
      tabs: wholeNumbers('tabs', values.tabs, 8),
      backend: choice('backend', values.backend ?? 'wasm', backendSchema.options),
      rounds: wholeNumber('rounds', values.rounds, 1000),
      say,
    }),
  chat: (values) => benchChat({ rounds: wholeNumber('rounds', values.rounds, 1000), say }),
  lighthouse: (values) =>
    benchLighthouse({
      pages: values.pages.split(',').map((name) => choice('pages', name, LIGHTHOUSE_PAGES)),
      rounds: wholeNumber('rounds', values.rounds, 1000),
      say,
    }),
  load: (values) =>
    benchLoad({
      mebibytes: wholeNumber('mb', values.mb, 2000),
      ...deviceOf(values, 'wasm', 'auto'),
      cuts: wholeNumber('cuts', values.cuts, 100),
      seed: wholeNumber('seed', values.seed, 2 ** 31),
      say,
    }),
  single: (values) =>
    benchSingle({
      models: modelsOf(values.model, SINGLE_MODELS),
      rounds: wholeNumber('rounds', values.rounds, 1000),
      threads: wholeNumbers('threads', values.threads, 64),
      peers: values.peers ?? null,
      contenders: (values.contender ?? []).map((name) => choice('contender', name, CONTENDERS)),
      figures: values.figures.split(',').map((name) => choice('figures', name, FIGURES)),
      say,
    }),
  kernels: (values) =>
    benchKernels({
      models: modelsOf(values.model, KERNEL_MODELS),
      formats: (values.weights ?? 'int4')
        .split(',')
        .map((format) => choice('weights', format === 'auto' ? 'int4' : format, weightFormatSchema.options)),
      rounds: wholeNumber('rounds', values.rounds, 1000),
      say,
    }),
  failover: (values) =>
    benchFailover({
      models: modelsOf(values.model ?? ['ember']),
      rounds: wholeNumber('rounds', values.rounds, 1000),
      spares: choice('spares', values.spares, ['with', 'without', 'both']),
      places: values.places.split(',').map((name) => choice('places', name, FAILOVER_PLACES)),
      seed: wholeNumber('seed', values.seed, 2 ** 31),
      say,
    }),
  join: async (values) => {
    const [model] = modelsOf(values.model ?? ['ember'])
    if (!model) throw new UsageError('which model?')
    return benchJoin({ model, rounds: wholeNumber('rounds', values.rounds, 1000), say })
  },
  soak: async (values) => {
    const [model] = modelsOf(values.model ?? ['ember'])
    if (!model) throw new UsageError('which model?')
    return benchSoak({ model, minutes: wholeNumber('minutes', values.minutes, 10_000), say })
  },
  head: (values) => benchHead({ rounds: wholeNumber('rounds', values.rounds, 1000), say }),
  page: (values) => benchPage({ models: modelsOf(values.model), rounds: wholeNumber('rounds', values.rounds, 1000), say }),
  placement: (values) => benchPlacement({ models: modelsOf(values.model), rounds: wholeNumber('rounds', values.rounds, 1000), say }),
  straggler: (values) => {
    const [model] = modelsOf(values.model ?? ['smollm2-135m-random'])
    if (!model) throw new UsageError('straggler needs a model')
    return benchStraggler({ model, say })
  },
  gateway: (values) => benchGateway({ rounds: wholeNumber('rounds', values.rounds, 1000), say }),
  chaos: (values) =>
    benchChaos({ runs: wholeNumber('runs', values.runs, 1_000_000), from: wholeNumbers('from', values.from, 1_000_000_000, 0)[0] ?? 0, say }),
}

async function main(): Promise<void> {
  const { values, positionals } = parse(process.argv.slice(2))
  const [name = ''] = positionals
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined
  if (!bench || positionals.length !== 1) throw new UsageError(name === '' ? 'which bench?' : `there is no bench "${positionals.join(' ')}"`)
  const report = await bench(values)
  const where = surroundings(report.browser)
  for (const table of report.tables) process.stdout.write(`\n${renderTable(table)}`)
  process.stdout.write(
    `\n${where.date}, ${where.browser}, Node ${where.node}, ${where.cores} cores of ${where.cpu}, load ${where.load?.toFixed(1)}\n`,
  )
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify({ bench: name, ...where, measurements: report.measurements }, null, 1)}\n`)
}

main().catch((error: unknown) => {
  if (error instanceof UsageError) say(`${error.message}\n\n${USAGE}`)
  else say(error instanceof Error ? String(error.stack) : String(error))
  process.exitCode = error instanceof UsageError ? 2 : 1
})
