/** What `single` tells: each engine's figures, and this project's beside the best other one of each figure in the same rounds. */
import { nameOf } from './contender.ts'
import type { BenchModel } from './models.ts'
import { median, type Cell, type Table } from './report.ts'
import type { Roof } from './roof.ts'
import type { Measured, Round } from './single-figures.ts'

const MB = 1e6
const GIGA = 1e9
type Rate = 'decode64' | 'decode1500' | 'prefill256' | 'prefill1500'
const RATES: readonly Rate[] = ['decode64', 'decode1500', 'prefill256', 'prefill1500']

/** Null where no round has both. */
function medianOf(values: readonly (number | undefined)[]): number | null {
  const found = values.filter((value) => value !== undefined)
  return found.length === 0 ? null : median(found)
}

const rateOf = ({ rounds }: Measured, rate: Rate): number | null => medianOf(rounds.map((round) => round[rate]))

/** Median over rounds of what both reached in the same one. */
const ratio = (a: readonly Round[], b: readonly Round[], of: (round: Round) => number | undefined, over = of): number | null =>
  medianOf(
    a.map((round, i) => {
      const [mine, other] = [of(round), over(b[i] ?? {})]
      return mine === undefined || other === undefined ? undefined : mine / other
    }),
  )

const peakOf = ({ loadPeakBytes, workPeakBytes }: Measured): number => Math.max(loadPeakBytes, workPeakBytes)

function figuresTable(model: BenchModel, measured: readonly Measured[]): Table {
  const columns = [
    'engine',
    'threads',
    'decode at 64, tok/s',
    'at 1500',
    'of that at 64',
    'prefill 256, tok/s',
    '1500',
    '2 / 4 / 8 rows, times one',
    'load, s',
    'again',
    'peak loading, MB',
    'peak at work',
    'log-probability off by',
    'tokens followed',
  ]
  const rows = measured.map((one): Cell[] => [
    nameOf(one.contender),
    one.contender.threads,
    rateOf(one, 'decode64'),
    rateOf(one, 'decode1500'),
    ratio(one.rounds, one.rounds, ({ decode1500 }) => decode1500, ({ decode64 }) => decode64), // prettier-ignore
    rateOf(one, 'prefill256'),
    rateOf(one, 'prefill1500'),
    rowsText(one),
    one.coldMs / 1000,
    one.warmMs === null ? null : one.warmMs / 1000,
    one.loadPeakBytes / MB,
    one.workPeakBytes / MB,
    one.checked.logProbError,
    `${one.checked.followed} of ${one.checked.steps}`,
  ])
  return { title: `${model.title}, each engine by itself`, columns, rows }
}

function rowsText({ rounds }: Measured): string | null {
  const counts = rounds[0]?.rows?.length ?? 0
  const medians = Array.from({ length: counts }, (_, i) => medianOf(rounds.map(({ rows }) => rows?.[i])))
  return counts === 0 ? null : medians.map((value) => (value === null || Number.isNaN(value) ? '–' : value.toFixed(2))).join(' / ')
}

/** The other engine that is best at a rate, of those with as many threads. */
function bestPeer(measured: readonly Measured[], threads: number, rate: Rate): Measured | null {
  const peers = measured.filter(({ contender }) => contender.engine !== 'ringlet' && contender.threads === threads)
  const found = peers.filter((one) => rateOf(one, rate) !== null)
  return found.reduce<Measured | null>((best, one) => (best && (rateOf(best, rate) ?? 0) >= (rateOf(one, rate) ?? 0) ? best : one), null)
}

function ratiosTable(model: BenchModel, measured: readonly Measured[]): Table {
  const own = measured.filter(({ contender }) => contender.engine === 'ringlet')
  const rows = own.map((one): Cell[] => {
    const { threads } = one.contender
    const decoder = bestPeer(measured, threads, 'decode64')
    const single = measured.find(({ contender }) => nameOf(contender) === nameOf(one.contender) && contender.threads === 1)
    return [
      nameOf(one.contender),
      threads,
      ...RATES.map((rate) => {
        const best = bestPeer(measured, threads, rate)
        const value = best && ratio(one.rounds, best.rounds, (round) => round[rate])
        return value === null || !best ? null : `${value.toFixed(2)} (${nameOf(best.contender)})`
      }),
      decoder && peakOf(one) / peakOf(decoder),
      single && single !== one ? ratio(one.rounds, single.rounds, ({ decode64 }) => decode64) : null,
      single && single !== one ? ratio(one.rounds, single.rounds, ({ prefill256 }) => prefill256) : null,
    ]
  })
  const columns = [
    '',
    'threads',
    'decode at 64',
    'at 1500',
    'prefill 256',
    '1500',
    'peak memory, of the best decoder’s',
    'decode, to one thread',
    'prefill, to one thread',
  ]
  return { title: `${model.title}, times the best other engine of each figure`, columns, rows }
}

/** The most that plain loops reached in any round; what memory gives varies, and a roof is what can be reached. */
const roofOf = (rounds: readonly Round[], of: (roof: Roof) => number): number | null => {
  const found = rounds.flatMap(({ roof }) => (roof ? [of(roof)] : []))
  return found.length === 0 ? null : Math.max(...found)
}

/** Rates of this project beside those of plain loops in the same run. */
function roofTable(model: BenchModel, measured: readonly Measured[]): Table {
  const rows = measured.flatMap(({ contender, rounds, work }): Cell[][] => {
    if (!work) return []
    const isFloat = contender.format === 'f32' || contender.format === 'f16'
    const [decode, prefill] = [medianOf(rounds.map(({ decode64 }) => decode64)), medianOf(rounds.map(({ prefill256 }) => prefill256))]
    const [read, copy] = [roofOf(rounds, ({ readBytes }) => readBytes), roofOf(rounds, ({ copyBytes }) => copyBytes)]
    const dots = roofOf(rounds, ({ integerProducts, floatProducts }) => (isFloat ? floatProducts : integerProducts))
    if (decode === null || prefill === null || read === null || copy === null || dots === null) return []
    const [bytes, decoded, prefilled] = [decode * work.bytes, decode * work.products, prefill * work.layerProducts]
    const rates = [
      bytes / GIGA,
      read / GIGA,
      copy / GIGA,
      bytes / read,
      decoded / GIGA,
      dots / GIGA,
      decoded / dots,
      prefilled / GIGA,
      prefilled / dots,
    ]
    return [[nameOf(contender), contender.threads, ...rates]]
  })
  const columns = [
    '',
    'threads',
    'decode, GB/s',
    'plain read, GB/s',
    'plain copy, GB/s',
    'decode, of the plain read',
    'decode, G multiply-adds/s',
    'plain dot, G/s',
    'decode, of the plain dot',
    'prefill, G multiply-adds/s',
    'prefill, of the plain dot',
  ]
  return { title: `${model.title}, beside plain loops in the same run`, columns, rows }
}

export function singleTables(model: BenchModel, measured: readonly Measured[]): readonly Table[] {
  const hasOthers = measured.some(({ contender }) => contender.engine !== 'ringlet' || contender.threads !== measured[0]?.contender.threads)
  const hasRoof = measured.some(({ rounds }) => rounds.some(({ roof }) => roof !== undefined))
  return [figuresTable(model, measured), ...(hasOthers ? [ratiosTable(model, measured)] : []), ...(hasRoof ? [roofTable(model, measured)] : [])]
}
