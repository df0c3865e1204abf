/** The gateway alone, over a ring that is a stub: what a streamed token costs it, many streams at once, and what it does beyond its bounds. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import path from 'node:path'
import type { GatewayChildReport } from './gateway-child.ts'
import { median, type BenchReport } from './report.ts'

const CHILD = path.join(import.meta.dirname, 'gateway-child.ts')
/** Streams at once, which is more than run at once: the rest wait. */
const STREAMS = 1000
const LIMITS = { running: 512, waiting: 512 }
const TOKENS = 100
/** Twenty tokens a second and stream: 512 that run get ten thousand together. */
const TICK_MS = 50
/** Streams whose tokens are counted for the cost of one, all of them running. */
const TIMED_STREAMS = 200

type Figures = Extract<GatewayChildReport, { type: 'figures' }>
type Child = { readonly url: string; readonly figures: () => Promise<Figures>; readonly close: () => void }

async function reportOf(child: ChildProcess): Promise<GatewayChildReport> {
  const [report] = await once(child, 'message')
  return report as GatewayChildReport
}

async function startChild(tickMs: number): Promise<Child> {
  const argv = [String(tickMs), String(LIMITS.running), String(LIMITS.waiting)]
  const child = fork(CHILD, argv, { execArgv: [...process.execArgv, '--expose-gc'] })
  const first = await reportOf(child)
  if (first.type !== 'listening') throw new Error('the gateway did not say where it listens')
  return {
    url: first.url,
    figures: async () => {
      child.send('figures')
      const report = await reportOf(child)
      if (report.type !== 'figures') throw new Error('the gateway gave no figures')
      return report
    },
    close: () => child.kill(),
  }
}

type Outcome = {
  readonly status: number
  readonly retryAfter: string | null
  readonly events: number
  readonly isDone: boolean
  readonly waited: boolean
  readonly text: string
}

const agent = new Agent({ keepAlive: true, maxSockets: 4096 })

/** One chat completion as a stream, to its end. The text is kept only where it is to be compared. */
function stream(url: string, keepsText: boolean): Promise<Outcome> {
  const body = JSON.stringify({
    model: 'ember',
    messages: [{ role: 'user', content: 'Hello there' }],
    stream: true,
    max_tokens: TOKENS,
    temperature: 0,
  })
  return new Promise((resolve, reject) => {
    const read = (response: IncomingMessage): void => {
      let rest = ''
      let [events, isDone, waited, text] = [0, false, false, '']
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        const blocks = (rest + chunk).split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) {
          if (block.startsWith(': waiting')) waited = true
          if (block === 'data: [DONE]') isDone = true
          else if (block.startsWith('data: ')) events += 1
          if (!keepsText || !block.startsWith('data: {')) continue
          const { choices } = JSON.parse(block.slice('data: '.length)) as { choices: { delta: { content?: string | null } }[] }
          text += choices[0]?.delta.content ?? ''
        }
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] ?? null, events, isDone, waited, text }),
      )
      response.on('error', reject)
    }
    const sent = request(`${url}/v1/chat/completions`, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, read)
    sent.on('error', reject)
    sent.end(body)
  })
}

const all = (url: string, count: number): Promise<readonly Outcome[]> => Promise.all(Array.from({ length: count }, () => stream(url, false)))

function mustFinish(outcomes: readonly Outcome[], expected: Outcome): void {
  const wrong = outcomes.filter(({ status, isDone, events }) => status !== 200 || !isDone || events !== expected.events)
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${outcomes.length} streams did not end whole; the first: ${JSON.stringify(wrong[0])}`)
}

/** Milliseconds of CPU in the gateway's process for each token of streams that all run. */
async function costOfToken(child: Child, expected: Outcome): Promise<number> {
  const before = await child.figures()
  mustFinish(await all(child.url, TIMED_STREAMS), expected)
  const after = await child.figures()
  return (after.cpuMs - before.cpuMs) / (after.stubTokens - before.stubTokens)
}

async function beyondBounds(
  child: Child,
  expected: Outcome,
): Promise<{ readonly refused: number; readonly finished: number; readonly waited: number }> {
  const places = LIMITS.running + LIMITS.waiting
  const outcomes = await all(child.url, places + 200)
  const refused = outcomes.filter(({ status }) => status === 429)
  if (refused.some(({ retryAfter }) => !(Number(retryAfter) >= 1 && Number(retryAfter) <= 60)))
    throw new Error('a 429 without a Retry-After of 1 to 60 s')
  const finished = outcomes.filter(({ status }) => status !== 429)
  mustFinish(finished, expected)
  return { refused: refused.length, finished: finished.length, waited: finished.filter(({ waited }) => waited).length }
}

export async function benchGateway({ rounds, say }: { readonly rounds: number; readonly say: (line: string) => void }): Promise<BenchReport> {
  const child = await startChild(TICK_MS)
  try {
    // The tokens of the stub are fixed, so is the text; it comes again each time.
    const expected = await stream(child.url, true)
    if (expected.text.length < TOKENS || !expected.isDone || (await stream(child.url, true)).text !== expected.text)
      throw new Error('a lone stream does not give the text of its tokens')
    const costs: number[] = []
    for (let round = 0; round < rounds; round++) costs.push(await costOfToken(child, expected))
    say(`${TIMED_STREAMS} streams: ${costs.map((cost) => cost.toFixed(3)).join(', ')} ms of CPU a token`)
    const memory: Figures[] = []
    let waited = 0
    for (let round = 0; round < rounds; round++) {
      const outcomes = await all(child.url, STREAMS)
      mustFinish(outcomes, expected)
      waited = outcomes.filter((outcome) => outcome.waited).length
      memory.push(await child.figures())
      say(
        `${STREAMS} streams finished, ${waited} of them waited; heap ${(memory.at(-1)?.heapBytes ?? 0) >> 20} MiB, resident ${(memory.at(-1)?.residentBytes ?? 0) >> 20} MiB`,
      )
    }
    const beyond = await beyondBounds(child, expected)
    const mib = (bytes: number | undefined): number => (bytes ?? Number.NaN) / 2 ** 20
    const rows = [
      [`CPU a streamed token, ${TIMED_STREAMS} streams, median, ms`, median(costs)],
      ['the same, least and most', `${Math.min(...costs).toFixed(3)} – ${Math.max(...costs).toFixed(3)}`],
      [`streams at once that finished, each round`, String(STREAMS)],
      ['of these waited for a place', waited],
      ['heap after the first round, MiB', mib(memory[0]?.heapBytes)],
      ['heap after the last round, MiB', mib(memory.at(-1)?.heapBytes)],
      ['resident after the first round, MiB', mib(memory[0]?.residentBytes)],
      ['resident after the last round, MiB', mib(memory.at(-1)?.residentBytes)],
      [`asked at once beyond ${LIMITS.running} and ${LIMITS.waiting}: finished`, String(beyond.finished)],
      ['429 with Retry-After', beyond.refused],
    ] as const
    return {
      browser: 'no browser',
      tables: [{ title: `Gateway over a stub ring, ${TOKENS} tokens a stream, ${rounds} rounds`, columns: ['what', 'figure'], rows }],
      measurements: { costs, memory, beyond },
    }
  } finally {
    child.close()
    agent.destroy()
  }
}
