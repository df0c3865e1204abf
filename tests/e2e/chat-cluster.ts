/** One server with Ember for all tests of the chat in a worker, and what a person does in its page. */
import { expect, test as base, type Locator, type Page } from '@playwright/test'
import type { Chat, ChatSettings } from '../../web/chat/chat-record.ts'
import { DEFAULT_SETTINGS } from '../../web/chat/chat-record.ts'
import type { RingletApp } from '../../web/ui/app/ringlet-app.ts'
import { appOf } from '../harness/page-app.ts'
import { SAMPLES, startLiveCluster, type LiveCluster } from './live-cluster.ts'

export type ChatDriver = {
  readonly page: Page
  readonly input: Locator
  /** Opens the chat; settings are those that new chats begin with. */
  readonly open: (settings?: Partial<ChatSettings>, path?: string) => Promise<void>
  /** Asks, and waits until the answer is whole. */
  readonly ask: (question: string) => Promise<string>
  /** Asks, and waits until text has come. */
  readonly begin: (question: string) => Promise<void>
  readonly whole: () => Promise<void>
  readonly answers: Locator
  /** The open chat as the page holds it. */
  readonly chat: () => Promise<Chat>
  /** What was asked of the server, oldest first. */
  readonly asked: () => readonly {
    readonly messages: readonly { readonly role: string; readonly content: string }[]
    readonly temperature?: number
  }[]
}

export function drive(page: Page, url: string): ChatDriver {
  const bodies: ReturnType<ChatDriver['asked']>[number][] = []
  page.on('request', (request) => {
    if (request.url().endsWith('/v1/chat/completions')) bodies.push(request.postDataJSON() as ReturnType<ChatDriver['asked']>[number])
  })
  // Whatever the browser complains about fails the test, a breach of the Content-Security-Policy included.
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
  const input = page.getByLabel('Your question')
  const answers = page.locator('answer-turn')
  const whole = async (): Promise<void> => {
    await expect(page.getByRole('log')).toHaveAttribute('aria-busy', 'false', { timeout: 30_000 })
  }
  const send = async (question: string): Promise<void> => {
    await input.fill(question)
    await input.press('Enter')
  }
  return {
    page,
    input,
    answers,
    whole,
    open: async (settings = {}, path = '/') => {
      const kept = JSON.stringify({ ...DEFAULT_SETTINGS, ...settings })
      await page.addInitScript((given) => localStorage.setItem('ringlet.chat-settings', given), kept)
      await page.goto(url + path)
      await expect(page.getByText(/· ready/).first()).toBeVisible({ timeout: 30_000 })
    },
    ask: async (question) => {
      await send(question)
      await page.waitForFunction((asked) => {
        const state = document.querySelector<RingletApp>('ringlet-app')?.chat?.session.state()
        const last = state?.chat.messages.at(-1)
        const parent = state?.chat.messages.find(({ id }) => id === last?.parent)
        return last?.finish !== null && parent?.text === asked.trim() && state?.running === null
      }, question)
      await whole()
      return answers.last().locator('markdown-text section').innerText()
    },
    begin: async (question) => {
      await send(question)
      await expect(answers.last().locator('markdown-text')).not.toHaveText('')
    },
    chat: () =>
      appOf(page).evaluate(({ chat }: RingletApp) => {
        if (!chat) throw new Error('the app has no chat')
        return chat.session.state().chat
      }),
    asked: () => bodies,
  }
}

export const test = base.extend<{ chat: ChatDriver }, { cluster: LiveCluster }>({
  cluster: [
    async ({ browser: _ }, use) => {
      const cluster = await startLiveCluster()
      await cluster.placed(1)
      await use(cluster)
      await cluster.close()
    },
    { scope: 'worker', timeout: 90_000 },
  ],
  chat: async ({ page, cluster }, use) => {
    await use(drive(page, cluster.server.url))
    // The page goes first: it would complain of a server that is gone.
    await page.close()
  },
})

/** A question of Ember's samples, whose greedy answer is known. */
export function sample(index: number): { readonly question: string; readonly answer: string } {
  const found = SAMPLES.filter(({ messages }) => messages.length === 1)[index]
  if (!found) throw new Error(`there is no sample ${index}`)
  return { question: found.messages[0]?.content ?? '', answer: found.text }
}

/** Settings under which Ember does not stop before the limit: what was said once becomes ever likelier. */
export const LONG_WINDED: Partial<ChatSettings> = { frequencyPenalty: -2, maxTokens: 800 }

/** Nothing reaches beyond the right edge of the window. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 'sideways scroll in pixels').toBe(0)
}
