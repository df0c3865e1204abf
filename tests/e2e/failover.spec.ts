/** A lost tab is a pause: answers of real tabs go on with the same text. So do they without their servers. */
import { expect, test, type Browser, type Page } from '@playwright/test'
import OpenAI from 'openai'
import type { ChatMessage } from '../../web/engine/page-engine.ts'
import type { RingletApp } from '../../web/ui/app/ringlet-app.ts'
import { appOf, engineOf, peerOf } from '../harness/page-app.ts'
import { chat, clusterOf, EMBER, SAMPLES, startLiveCluster, type LiveCluster } from './live-cluster.ts'

const STORY = [{ role: 'user' as const, content: 'Tell me a story.' }]
/** The end of a turn is banned, so that every answer is as long as this. */
const TOKENS = 400
const LONG = { temperature: 0, max_tokens: TOKENS, logit_bias: { '0': -100, '2': -100 } }

test.describe.configure({ mode: 'serial', timeout: 240_000 })

/** The process of a page ends at once: it says goodbye to nobody. */
async function crash(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const gone = page.waitForEvent('crash')
  session.send('Page.crash').catch(() => undefined)
  await gone
}

async function hasWarmSpare(url: string): Promise<boolean> {
  const { placements } = await clusterOf(url)
  return placements[0]?.state === 'ready' && placements[0].shards.length === 3 && placements[0].spares.some((spare) => spare.warm)
}

test.describe('three tabs and a spare', () => {
  let cluster: LiveCluster
  let tabs: Page[] = []
  let client: OpenAI
  let undisturbed = ''
  const addTab = async (browser: Browser): Promise<void> => void tabs.push(await cluster.openDevice(browser))

  test.beforeAll(async ({ browser }) => {
    cluster = await startLiveCluster(['--no-local-device', '--devices', '3', '--max-devices', '3'])
    client = new OpenAI({ baseURL: `${cluster.server.url}/v1`, apiKey: 'none', maxRetries: 0 })
    for (let i = 0; i < 4; i++) await addTab(browser)
    await cluster.placed(3)
    await cluster.wish({ minDevices: 1, maxDevices: 3 })
    undisturbed = (await chat(cluster.server.url, STORY, LONG)).text
    expect(undisturbed.length).toBeGreaterThan(100)
  })
  test.afterAll(() => cluster.close())

  for (const [position, index, how] of [
    ['head', 0, 'closes'],
    ['middle', 1, 'crashes'],
    ['tail', 2, 'closes'],
    ['head', 0, 'crashes'],
  ] as const) {
    test(`1: the tab of the ${position} ${how} in mid-answer: the stream goes on with the same text`, async ({ browser }) => {
      const { url } = cluster.server
      await expect.poll(() => hasWarmSpare(url), { timeout: 60_000, intervals: [100], message: 'a ring of three with a warm spare' }).toBe(true)
      const owner = (await clusterOf(url)).placements[0]?.shards[index]?.peerId
      const ids = await Promise.all(tabs.map(peerOf))
      const victim = tabs[ids.findIndex((id) => id === owner)]
      if (!victim) throw new Error(`no tab is ${owner}`)
      const stream = await client.chat.completions.create({ model: EMBER, messages: STORY, stream: true, ...LONG })
      let [text, chunks, finish] = ['', 0, '']
      for await (const { choices } of stream) {
        text += choices[0]?.delta.content ?? ''
        finish = choices[0]?.finish_reason ?? finish
        if (++chunks !== 30) continue
        if (how === 'closes') await victim.close()
        else await crash(victim)
      }
      expect(finish).toBe('length')
      expect(text).toBe(undisturbed)
      tabs = tabs.filter((tab) => tab !== victim)
      await addTab(browser)
    })
  }
})

test('14: both servers end in mid-answer: the chat tab gets its answer, and the next ones, even when a tab is lost; a new server on the port serves with what the tabs hold', async ({
  browser,
}) => {
  const args = ['--no-local-device', '--devices', '3', '--max-devices', '3']
  const cluster = await startLiveCluster(args)
  const { url } = cluster.server
  const tabs: Page[] = []
  let again: LiveCluster | null = null
  try {
    for (let i = 0; i < 4; i++) tabs.push(await cluster.openDevice(browser))
    await cluster.placed(3)
    await expect.poll(() => hasWarmSpare(url), { timeout: 60_000, intervals: [100] }).toBe(true)
    const middle = (await clusterOf(url)).placements[0]?.shards[1]?.peerId
    const ids = await Promise.all(tabs.map(peerOf))
    const asker = await browser.newPage()
    await asker.goto(url)
    const question = SAMPLES[1]
    if (!question) throw new Error('no sample')
    await expect.poll(() => engineOf(asker, (engine) => engine.view().placements.size)).toBe(1)
    const ask = (): Promise<string> =>
      appOf(asker).evaluate(
        async ({ engine }: RingletApp, [model, messages]) => {
          if (!engine) throw new Error('the page has no engine')
          let text = ''
          const request = { model, messages, sampling: { temperature: 0 }, maxTokens: null, signal: new AbortController().signal }
          for await (const event of engine.ask(request)) {
            if (event.type === 'text') text += event.text
            Reflect.set(window, 'seen', text)
          }
          return text
        },
        [EMBER, question.messages as readonly ChatMessage[]] as const,
      )
    expect(await ask()).toBe(question.text)
    await asker.evaluate(() => Reflect.set(window, 'seen', ''))
    const running = ask()
    await asker.waitForFunction(() => String(Reflect.get(window, 'seen')).length > 0)
    await cluster.server.close()
    expect(await running).toBe(question.text)
    expect(await ask()).toBe(question.text)
    await asker.evaluate(() => Reflect.set(window, 'seen', ''))
    const third = ask()
    await asker.waitForFunction(() => String(Reflect.get(window, 'seen')).length > 0)
    await tabs[ids.findIndex((id) => id === middle)]?.close()
    expect(await third).toBe(question.text)
    const started = Date.now()
    again = await startLiveCluster([...args, '--port', new URL(url).port])
    await expect.poll(async () => (await fetch(`${url}/ready`)).status, { timeout: 30_000, intervals: [100] }).toBe(200)
    process.stdout.write(`ready ${Date.now() - started} ms after the new server was started\n`)
    expect((await chat(url, question.messages)).text).toBe(question.text)
    const weights = again.modelBytes.filter(({ peer, file }) => file === 'model.safetensors' && peer !== null)
    expect(weights, 'weights that a tab read again').toEqual([])
  } finally {
    await again?.close()
    await cluster.close()
  }
})
