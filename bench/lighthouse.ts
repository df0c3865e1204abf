/**
 * What Lighthouse says of each page of a real server, as a phone on a slow network sees it and as a desktop does. Lighthouse is fetched
 * when it is asked for: with what it needs it is 170 MB, more than everything else of a clone. https://github.com/GoogleChrome/lighthouse
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'
import { chromiumPath } from '../tests/harness/browser.ts'
import { openBenchServer } from './cluster.ts'
import { BENCH_MODELS_DIR } from './models.ts'
import { median, type BenchReport, type Table } from './report.ts'

const LIGHTHOUSE = 'lighthouse@13.5.0'
export const LIGHTHOUSE_PAGES = ['chat', 'contribute', 'cluster', 'models', 'start'] as const
type LighthousePage = (typeof LIGHTHOUSE_PAGES)[number]
const SCREENS = ['mobile', 'desktop'] as const
/** A report holds pictures of the page. */
const MOST_BYTES = 64 * 2 ** 20

export type LighthouseOptions = { readonly pages: readonly LighthousePage[]; readonly rounds: number; readonly say: (line: string) => void }

const category = z.object({ score: z.number() })
const audit = z.object({ numericValue: z.number() })
const reportSchema = z.object({
  runtimeError: z.object({ message: z.string() }).optional(),
  finalDisplayedUrl: z.string(),
  categories: z.object({ performance: category, accessibility: category }),
  audits: z.object({
    'first-contentful-paint': audit,
    'largest-contentful-paint': audit,
    'total-blocking-time': audit,
    'cumulative-layout-shift': audit,
  }),
})
type Report = z.infer<typeof reportSchema>
type Screen = (typeof SCREENS)[number]

/** Now and then the browser's trace lacks its beginning, and Lighthouse asks to be run again. */
const RUN_AGAIN = 'NO_NAVSTART'
const MOST_TRIES = 3

async function run(argv: readonly string[], tries = 1): Promise<string> {
  try {
    return (await promisify(execFile)('npx', argv, { maxBuffer: MOST_BYTES, env: { ...process.env, CHROME_PATH: chromiumPath() } })).stdout
  } catch (error) {
    if (tries < MOST_TRIES && String(error).includes(RUN_AGAIN)) return run(argv, tries + 1)
    throw error
  }
}

/** @throws {Error} when Lighthouse cannot be fetched or run, or looked at another page than it was given */
async function look(url: string, screen: Screen): Promise<Report> {
  const flags = ['--quiet', '--output=json', '--only-categories=performance,accessibility', '--chrome-flags=--headless=new --no-sandbox']
  const argv = ['--yes', LIGHTHOUSE, url, ...flags, ...(screen === 'desktop' ? ['--preset=desktop'] : [])]
  const stdout = await run(argv)
  const report = reportSchema.parse(JSON.parse(stdout))
  if (report.runtimeError) throw new Error(`Lighthouse could not look at ${url}: ${report.runtimeError.message}`)
  if (new URL(report.finalDisplayedUrl).pathname !== new URL(url).pathname)
    throw new Error(`Lighthouse was sent to ${url} and saw ${report.finalDisplayedUrl}`)
  return report
}

const of = (reports: readonly Report[], figure: (report: Report) => number): number => median(reports.map(figure))

function rowOf(page: string, screen: Screen, reports: readonly Report[]): readonly (string | number)[] {
  return [
    page,
    screen,
    of(reports, ({ categories }) => Math.round(categories.performance.score * 100)),
    of(reports, ({ categories }) => Math.round(categories.accessibility.score * 100)),
    of(reports, ({ audits }) => audits['first-contentful-paint'].numericValue),
    of(reports, ({ audits }) => audits['largest-contentful-paint'].numericValue),
    of(reports, ({ audits }) => audits['total-blocking-time'].numericValue),
    of(reports, ({ audits }) => audits['cumulative-layout-shift'].numericValue),
  ]
}

export async function benchLighthouse({ pages, rounds, say }: LighthouseOptions): Promise<BenchReport> {
  const server = await openBenchServer(BENCH_MODELS_DIR)
  try {
    const measurements: { readonly page: string; readonly screen: Screen; readonly report: Report }[] = []
    for (let round = 0; round < rounds; round++) {
      for (const page of pages) {
        for (const screen of SCREENS) {
          const report = await look(`${server.url}/${page === 'chat' ? '' : page}`, screen)
          const { performance, accessibility } = report.categories
          say(`${page} on ${screen}: performance ${Math.round(performance.score * 100)}, accessibility ${Math.round(accessibility.score * 100)}`)
          measurements.push({ page, screen, report })
        }
      }
    }
    const reportsOf = (page: string, screen: Screen): readonly Report[] =>
      measurements.filter((one) => one.page === page && one.screen === screen).map(({ report }) => report)
    const table: Table = {
      title: `Lighthouse, median of ${rounds}`,
      columns: ['page', 'screen', 'performance', 'accessibility', 'first paint, ms', 'largest paint, ms', 'blocked, ms', 'shift'],
      rows: pages.flatMap((page) => SCREENS.map((screen) => rowOf(page, screen, reportsOf(page, screen)))),
    }
    return { browser: LIGHTHOUSE, tables: [table], measurements }
  } finally {
    await server.close()
  }
}
