/**
 * What people feel of the chat's page: searching 1000 chats, and how long after a token's arrival the browser has drawn it, in a thread
 * of any length. Search is checked against a plain filter first; a drawn token is read back from the page.
 */
import { chromium } from 'playwright-core'
import { headOf, searchChats, folded } from '../web/chat/chat-search.ts'
import { startPageServer } from '../tests/e2e/page-server.ts'
import { randomChats } from '../tests/harness/random-chats.ts'
import { median, type BenchReport, type Table } from './report.ts'

const CHATS = 1000
const QUERIES = ['ring', 'layer café', 'chat-9', 'nothing has this', 'e', 'ring layer bold code']
/** Tokens drawn in each answer; the figure is of one frame. */
const TOKENS = 300

export type ChatBenchOptions = { readonly rounds: number; readonly say: (line: string) => void }

function benchSearch(rounds: number): Table {
  const heads = randomChats(5, CHATS).map(headOf)
  const rows = QUERIES.map((query) => {
    const words = folded(query).split(' ')
    const wanted = heads.filter((head) => words.every((word) => head.words.includes(word))).length
    if (searchChats(heads, query).length !== wanted) throw new Error(`search for "${query}" found other chats than a plain filter`)
    const times = Array.from({ length: rounds }, () => {
      const start = performance.now()
      searchChats(heads, query)
      return performance.now() - start
    })
    return [query, wanted, median(times), Math.max(...times)]
  })
  return { title: `Search in ${CHATS} chats`, columns: ['words', 'chats found', 'median ms', 'longest ms'], rows }
}

type Drawn = { readonly medianMs: number; readonly longestMs: number; readonly longTasks: number }

/** Gives tokens one a frame, and takes from each arrival to the frame that shows it. */
async function benchDrawing(turns: number): Promise<Drawn & { readonly browser: string }> {
  const executablePath = process.env['CHROMIUM_PATH']
  const server = await startPageServer()
  const browser = await chromium.launch({ args: ['--no-sandbox'], ...(executablePath === undefined ? {} : { executablePath }) })
  try {
    const page = await browser.newPage()
    await page.goto(server.url)
    const input = page.getByLabel('Your question')
    const answer = `**Answer** with \`code\`.\n\n- one\n- two\n\n${'Plain words of a long text. '.repeat(40)}`
    for (let turn = 0; turn < turns; turn++) {
      await input.fill(`Question ${turn}`)
      await input.press('Enter')
      await page.evaluate((text) => window.fixture.answer({ type: 'text', text, completionTokens: 1 }), answer)
      await page.evaluate(() =>
        window.fixture.answer({ type: 'done', finish: 'stop', promptTokens: 1, completionTokens: 1, firstTokenMs: 1, tokensPerSecond: 1 }),
      )
    }
    await input.fill('And now?')
    await input.press('Enter')
    const figures = await page.evaluate(async (tokens) => {
      // No function with a name: the loader would wrap it in one that the page does not have.
      const work: number[] = []
      let longTasks = 0
      new PerformanceObserver((list) => (longTasks += list.getEntries().length)).observe({ type: 'longtask' })
      for (let token = 0; token < tokens; token++) {
        await new Promise(requestAnimationFrame)
        const start = performance.now()
        const given = window.fixture.answer({ type: 'text', text: token % 12 === 11 ? `end${token}.\n\n` : `word${token} `, completionTokens: token })
        // The next frame's callbacks run in the order in which they were asked for: the page draws, then this one is called.
        await new Promise(requestAnimationFrame)
        work.push(performance.now() - start)
        await given
      }
      return { work, longTasks }
    }, TOKENS)
    await page
      .getByRole('log')
      .getByText(TOKENS % 12 === 0 ? `end${TOKENS - 1}.` : `word${TOKENS - 1}`)
      .waitFor()
    return { medianMs: median(figures.work), longestMs: Math.max(...figures.work), longTasks: figures.longTasks, browser: browser.version() }
  } finally {
    await browser.close()
    await server.close()
  }
}

export async function benchChat({ rounds, say }: ChatBenchOptions): Promise<BenchReport> {
  say('searching …')
  const search = benchSearch(rounds)
  const rows: [number, number, number, number][] = []
  let version = 'unknown'
  for (const turns of [0, 50]) {
    say(`drawing an answer behind ${turns} turns …`)
    const { medianMs, longestMs, longTasks, browser } = await benchDrawing(turns)
    version = browser
    rows.push([turns, medianMs, longestMs, longTasks])
  }
  const drawing: Table = {
    title: `From a token’s arrival to the frame that shows it, ${TOKENS} tokens; a frame alone is 16.7 ms`,
    columns: ['turns before', 'median ms', 'longest ms', 'tasks over 50 ms'],
    rows,
  }
  return { browser: `Chromium ${version}`, tables: [search, drawing], measurements: { search: search.rows, drawing: rows } }
}
