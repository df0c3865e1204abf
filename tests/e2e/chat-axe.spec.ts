/** No state of the chat breaks a rule of axe, in light and dark, wide and narrow. */
import { expect, test, type Page } from '@playwright/test'
import type { ChatEvent } from '../../web/engine/page-engine.ts'
import { axeFindings } from './axe.ts'
import { startPageServer, type PageServer } from './page-server.ts'

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

const answer = (page: Page, event: ChatEvent) => page.evaluate((given) => window.fixture.answer(given), event)
const text = (words: string): ChatEvent => ({ type: 'text', text: words, completionTokens: 9 })
const DONE: ChatEvent = { type: 'done', finish: 'length', promptTokens: 9, completionTokens: 40, firstTokenMs: 12, tokensPerSecond: 30 }
const MARKDOWN =
  'Some **bold**, `code` and a [link](https://example.org).\n\n```js\nconst a = "b" // c\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n$$x^2$$\n\n> quote\n'

async function expectClean(page: Page, state: string): Promise<void> {
  // Animations would be judged in their middle.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined))))
  expect.soft(await axeFindings(page, state)).toEqual([])
}

for (const scheme of ['light', 'dark'] as const) {
  for (const [width, height] of [
    [1280, 860],
    [360, 740],
  ] as const) {
    test(`axe finds nothing in any state of the chat, ${scheme}, ${width} px`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
      await page.setViewportSize({ width, height })
      await page.goto(`${server.url}/`)
      await expect(page.getByText('Could read this chat')).toBeVisible()
      await expectClean(page, 'empty')
      await page.getByLabel('Attach text files').setInputFiles([
        { name: 'cat.png', mimeType: 'image/png', buffer: Buffer.from('x') },
        { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('round') },
      ])
      await expect(page.getByText('notes.txt')).toBeVisible()
      await page.getByLabel('Your question').fill('What is it?')
      await expectClean(page, 'draft with files')
      await page.getByLabel('Your question').press('Enter')
      await answer(page, { type: 'reasoning', text: 'Hm.', completionTokens: 1 })
      await answer(page, text(MARKDOWN))
      await expectClean(page, 'streaming')
      await answer(page, { type: 'call', id: 'c', name: 'weather', completionTokens: 9 })
      await answer(page, { type: 'chances', tokens: [{ text: 'Some', logprob: -1.5, top: [['Some', -1.5], ['No', -2]] }] }) // prettier-ignore
      await answer(page, DONE)
      await expectClean(page, 'answered')
      await page.getByRole('button', { name: 'Token probabilities' }).click()
      await page.getByRole('group', { name: 'Tokens by likelihood' }).getByRole('button').first().click()
      await expectClean(page, 'token probabilities')
      await page.getByRole('button', { name: 'Edit answer' }).click()
      await expectClean(page, 'editing an answer')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Settings of this chat' }).click()
      await expectClean(page, 'settings')
      await page.keyboard.press('Escape')
      await page.keyboard.press('Control+Slash')
      await expectClean(page, 'help')
      await page.keyboard.press('Escape')
      await page.getByTitle('Choose a model').click()
      await expectClean(page, 'models')
      await page.keyboard.press('Escape')
      if (width < 900) await page.getByRole('button', { name: 'Chats', exact: true }).click()
      await page.getByLabel('Search chats').fill('what')
      await page.getByRole('button', { name: 'Actions for What is it?' }).click()
      await expectClean(page, 'chats and a menu')
      await page.getByRole('menuitem', { name: 'Delete' }).click()
      await expectClean(page, 'a question before deleting')
      await page.keyboard.press('Escape')
      await page.goto(`${server.url}/?scenario=empty`)
      await page.getByLabel('Your question').fill('Hello?')
      await page.getByLabel('Your question').press('Enter')
      await expect(page.getByRole('alert').filter({ hasText: 'No devices hold the model yet.' })).toBeVisible()
      await expectClean(page, 'no devices')
      await page.goto(`${server.url}/?scenario=offline`)
      await expectClean(page, 'offline')
    })
  }
}
