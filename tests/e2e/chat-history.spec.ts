/** experience.md, rows about the list of chats, files, keys and the page as an app. */
import { readFileSync } from 'node:fs'
import { expect, type Page } from '@playwright/test'
import { chatsFromJson, chatsToJson } from '../../web/chat/chat-json.ts'
import { chatsFromMarkdown } from '../../web/chat/chat-markdown.ts'
import { titleOf, type Chat } from '../../web/chat/chat-record.ts'
import { headOf, searchChats } from '../../web/chat/chat-search.ts'
import { shownPath } from '../../web/chat/message-tree.ts'
import { randomChats } from '../harness/random-chats.ts'
import { expectNoSidewaysScroll, sample, test } from './chat-cluster.ts'

const THOUSAND = randomChats(11, 1000).map((chat, index) => ({
  ...chat,
  title: `Chat number ${index}`,
  messages: chat.messages.slice(0, 2),
  leaf: chat.messages[0]?.id ?? null,
}))
const row = (page: Page, title: string) => page.locator('history-row').filter({ hasText: title })

async function openFile(page: Page, chats: readonly Chat[]): Promise<void> {
  await page.getByRole('button', { name: 'Actions for all chats' }).click()
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByRole('menuitem', { name: 'Open a file of chats' }).click()])
  await chooser.setFiles({ name: 'chats.json', mimeType: 'application/json', buffer: Buffer.from(chatsToJson(chats)) })
}
async function saved(page: Page, button: string, item: string): Promise<string> {
  await page.getByRole('button', { name: button }).click()
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: item }).click()])
  return readFileSync(await download.path(), 'utf8')
}

test('C6: search, rename, delete and delete all, with a question, among 1000 chats', async ({ chat }) => {
  await chat.open()
  const { page } = chat
  await openFile(page, THOUSAND)
  await expect(page.getByText('1,000 chats taken in.')).toBeVisible()
  const search = page.getByLabel('Search chats')
  await search.fill('number 77')
  const found = searchChats(THOUSAND.map(headOf), 'number 77').map(({ title }) => title)
  expect(found.length).toBeGreaterThan(5)
  await expect(page.locator('history-row')).toHaveCount(found.length)
  await search.fill('no chat has this')
  await expect(page.getByText('No chat has these words.')).toBeVisible()
  await search.fill('number 777')
  await expect(page.locator('history-row')).toHaveCount(1)

  await page.getByRole('button', { name: 'Actions for Chat number 777' }).click()
  await page.getByRole('menuitem', { name: 'Rename' }).click()
  await page.getByLabel('Title').fill('Lucky one')
  await page.getByLabel('Title').press('Enter')
  await search.fill('lucky')
  await expect(row(page, 'Lucky one')).toHaveCount(1)

  await page.getByRole('button', { name: 'Actions for Lucky one' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  const question = page.getByRole('dialog', { name: 'Delete “Lucky one”?' })
  await page.keyboard.press('Escape')
  await expect(row(page, 'Lucky one')).toHaveCount(1)
  await page.getByRole('button', { name: 'Actions for Lucky one' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await question.getByRole('button', { name: 'Delete' }).click()
  await expect(row(page, 'Lucky one')).toHaveCount(0)

  await search.fill('')
  await page.reload()
  await page.getByRole('button', { name: 'Actions for all chats' }).click()
  await page.getByRole('menuitem', { name: 'Delete all chats' }).click()
  await expect(page.getByRole('button', { name: 'Keep' })).toBeFocused()
  await page.getByRole('dialog', { name: 'Delete all 999 chats?' }).getByRole('button', { name: 'Delete' }).click()
  await expect(page.getByText('Your chats will be here.')).toBeVisible()
  await page.reload()
  await expect(page.getByText('Your chats will be here.')).toBeVisible()
})

test('C7: one chat and all are saved as JSON and Markdown; what is opened again is what was saved', async ({ chat }) => {
  const chats = randomChats(3, 40).filter(({ messages }) => messages.length > 0)
  await chat.open()
  const { page } = chat
  await openFile(page, chats)
  await expect(page.getByText(`${chats.length} chats taken in.`)).toBeVisible()
  const byId = (all: readonly Chat[]) => all.toSorted((a, b) => a.id.localeCompare(b.id))
  expect(byId(chatsFromJson(await saved(page, 'Actions for all chats', 'Save all as JSON')))).toEqual(byId(chats))
  const readable = (all: readonly Chat[]) => all.map((one) => shownPath(one).map(({ role, text }) => [role, text]))
  const markdown = chatsFromMarkdown(await saved(page, 'Actions for all chats', 'Save all as Markdown'), 0)
  expect(readable(markdown)).toEqual(readable(chats.toSorted((a, b) => b.updated - a.updated)))

  await chat.ask(sample(1).question)
  const alone = chatsFromJson(await saved(page, `Actions for ${sample(1).question}`, 'Save as JSON'))
  expect(alone).toEqual([await chat.chat()])
  expect(readable(chatsFromMarkdown(await saved(page, 'More', 'Save as Markdown'), 0))).toEqual(readable(alone))

  // A second time nothing is taken twice; a file that is none is refused in words.
  await openFile(page, chats)
  await expect(page.getByText(`0 chats taken in; ${chats.length} chats of the same age or newer were here already.`)).toBeVisible()
  await page.getByRole('button', { name: 'Actions for all chats' }).click()
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByRole('menuitem', { name: 'Open a file of chats' }).click()])
  await chooser.setFiles({ name: 'chats.json', mimeType: 'application/json', buffer: Buffer.from('{"hello": 1}') })
  await expect(page.getByRole('alert').filter({ hasText: 'The file is no export of chats' })).toBeVisible()
})

test('C11: every shortcut works, and the help lists them', async ({ chat, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await chat.open()
  const { page } = chat
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText())
  await chat.ask(sample(1).question)
  await page.keyboard.press('Control+Shift+C')
  await expect(page.getByText('Copied the last answer.')).toBeVisible()
  expect(await clipboard()).toBe(sample(1).answer)
  await chat.answers.last().getByRole('button', { name: 'Edit answer' }).click()
  await page.getByRole('textbox', { name: 'Edit answer' }).fill('Two:\n\n```js\nlet a\n```\n\n```js\nlet b = 1\n```\n\nDone.')
  await page.keyboard.press('Control+Enter')
  await page.keyboard.press('Control+Shift+Semicolon')
  await expect(page.getByText('Copied the last code.')).toBeVisible()
  expect(await clipboard()).toBe('let b = 1')

  await page.keyboard.press('Control+Shift+S')
  await expect(page.getByLabel('Search chats')).toBeHidden()
  await page.keyboard.press('Control+K')
  await expect(page.getByLabel('Search chats')).toBeFocused()
  await page.keyboard.press('Shift+Escape')
  await expect(chat.input).toBeFocused()
  await page.keyboard.press('Control+Shift+M')
  await expect(page.getByRole('group', { name: 'Models' })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('group', { name: 'Models' })).toBeHidden()
  await page.keyboard.press('Control+Slash')
  const help = page.getByRole('dialog', { name: 'Keyboard' })
  for (const label of ['New chat', 'Search chats', 'Show or hide the chats', 'Choose a model', 'Copy the last answer', 'Copy the last block of code', 'Go to the input', 'Stop the answer', 'Show this list', 'Save an edit']) await expect(help.getByRole('rowheader', { name: label })).toBeVisible() // prettier-ignore
  await page.keyboard.press('Escape')
  await expect(help).toBeHidden()
  await page.keyboard.press('Control+Shift+O')
  await expect(page.getByRole('heading', { name: 'Ask the ring' })).toBeVisible()
  await expect(chat.input).toBeFocused()
})

test('C12: installable, dark by system and by choice, and 360 px wide without sideways scroll', async ({ chat, cluster }) => {
  const { page } = chat
  await page.setViewportSize({ width: 360, height: 740 })
  await chat.open()
  await chat.ask(sample(1).question)
  await expectNoSidewaysScroll(page)
  await page.getByRole('button', { name: 'Chats', exact: true }).click()
  await expect(page.getByRole('dialog', { name: 'Chats' }).getByText(titleOf(await chat.chat()))).toBeVisible()
  await expectNoSidewaysScroll(page)
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog', { name: 'Chats' })).toBeHidden()

  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  await page.emulateMedia({ colorScheme: 'dark' })
  const dark = await ground()
  await page.emulateMedia({ colorScheme: 'light' })
  const light = await ground()
  expect(dark).not.toBe(light)
  await page.getByRole('button', { name: 'Colours: as the system' }).click()
  await page.getByRole('button', { name: 'Colours: light' }).click()
  expect(await ground()).toBe(dark)
  await page.reload()
  expect(await ground()).toBe(dark)

  const manifest = (await (await fetch(`${cluster.server.url}/manifest.webmanifest`)).json()) as { icons: { src: string; sizes: string; purpose: string }[]; display: string } // prettier-ignore
  expect(manifest.display).toBe('standalone')
  const pngs = manifest.icons.filter(({ src }) => src.endsWith('.png'))
  expect(pngs.map(({ sizes, purpose }) => `${sizes} ${purpose}`)).toEqual(['192x192 any', '512x512 any', '512x512 maskable'])
  for (const { src, sizes } of pngs) {
    const size = await page.evaluate(async (address) => {
      const image = new Image()
      image.src = address
      await image.decode()
      return `${image.naturalWidth}x${image.naturalHeight}`
    }, src)
    expect(size, src).toBe(sizes)
  }
})

test('back and forward go between chats, and each has its address', async ({ chat }) => {
  await chat.open()
  const { page } = chat
  await chat.ask(sample(0).question)
  const first = page.url()
  await page.keyboard.press('Control+Shift+O')
  await chat.ask(sample(1).question)
  expect(page.url()).not.toBe(first)
  await page.goBack()
  await expect(page.getByRole('log')).toContainText(sample(0).answer)
  expect(page.url()).toBe(first)
  await row(page, sample(1).question).getByRole('button').first().click()
  await expect(page.getByRole('log')).toContainText(sample(1).answer)
})
