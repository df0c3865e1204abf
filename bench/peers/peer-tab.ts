/** Another engine in a tab: a page of the repository's module server, isolated from others so that it may use threads. */
import { deviceFlags } from '../../scripts/headless-devices.ts'
import { chromiumPath } from '../../tests/harness/browser.ts'
import { z } from 'zod'
import type { Contender, EngineName } from '../contender.ts'
import { openLoneTab } from '../lone-tab.ts'
import { watchMemory } from '../process-memory.ts'
import type { PageAsk, PageLoad } from './page-messages.ts'

export type PeerName = Exclude<EngineName, 'ringlet'>
/** Formats that `make_peer_models.py` writes. */
export const PEER_FORMATS: Readonly<Record<PeerName, readonly string[]>> = {
  wllama: ['F16', 'Q8_0', 'Q4_0'],
  'transformers.js': ['fp32', 'q8', 'q4'],
}
const PAGES: Readonly<Record<PeerName, string>> = { wllama: 'wllama.page.ts', 'transformers.js': 'transformers.page.ts' }

/** wllama is opened with one slot, as its users do; each further one would take its share of the context. */
const MOST_ROWS: Readonly<Record<PeerName, number>> = { wllama: 1, 'transformers.js': 8 }

/** Where the server serves them. */
export const ENGINES_URL = '/engines/'
export const MODELS_URL = '/peer-models/'

const answerSchema = z.object({
  ids: z.array(z.array(z.number())),
  firstTokenMs: z.number(),
  // JSON has no NaN: an answer of one token has no rate.
  decodePerSecond: z.number().nullable(),
  logProbs: z.array(z.tuple([z.number(), z.number()])),
})

export type PeerTabOptions = {
  /** Of the module server. */
  readonly origin: string
  readonly engine: PeerName
  readonly format: string
  /** Folder's name in MODELS_URL. */
  readonly model: string
  readonly threads: number
  readonly contextTokens: number
}

export async function openPeerTab({ origin, engine, format, model, threads, contextTokens }: PeerTabOptions): Promise<Contender> {
  const tab = await openLoneTab(chromiumPath(), deviceFlags())
  const memory = watchMemory(tab.pid)
  const call = (name: string, argument: PageAsk | PageLoad | object): Promise<unknown> =>
    tab.evaluate(`import('${origin}/bench/peers/${PAGES[engine]}').then((page) => page.${name}(${JSON.stringify(argument)}))`)
  const restart = async (): Promise<void> => {
    await tab.navigate(`${origin}/tests/harness/index.html`)
    await tab.evaluate(`new Promise((resolve) => (document.readyState === 'complete' ? resolve() : addEventListener('load', () => resolve())))`)
  }
  const ask: Contender['ask'] = async (prompts, tokens) => {
    const asked: PageAsk = { texts: prompts.map(({ text }) => text), ids: prompts.map(({ ids }) => ids), tokens }
    const { decodePerSecond, ...answer } = answerSchema.parse(await call('ask', asked))
    return { ...answer, decodePerSecond: decodePerSecond ?? Number.NaN }
  }
  await restart()
  return {
    engine,
    format,
    threads,
    browser: `Chromium ${tab.version}`,
    memory,
    mostRows: MOST_ROWS[engine],
    load: async () => {
      const started = performance.now()
      const asked: PageLoad = { engines: ENGINES_URL, model: `${MODELS_URL}${model}`, format, threads, contextTokens }
      await call('load', asked)
      return performance.now() - started
    },
    restart,
    ask,
    logProbs: async ({ text, ids }, wanted) => {
      const told =
        engine === 'wllama'
          ? answerSchema.parse(await call('ask', { texts: [text], ids: [ids], tokens: 1 })).logProbs
          : answerSchema.shape.logProbs.parse(await call('logProbs', { ids, wanted }))
      return new Map(told)
    },
    heldBytes: () => null,
    close: async () => {
      memory.stop()
      await tab.close()
    },
  }
}
