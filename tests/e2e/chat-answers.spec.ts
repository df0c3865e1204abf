/** experience.md, rows about asking and answering, against a server with Ember. */
import { readFileSync } from 'node:fs'
import { expect } from '@playwright/test'
import { LONG_WINDED, sample, test } from './chat-cluster.ts'

const STORY = 'Write a short story.'
/** Longer than a paste may be, and shorter than what Ember reads. */
const FILLER = Array.from({ length: 90 }, (_, index) => `Line ${index}.`).join('\n')

test('C1: tokens a second, tokens, time to the first token and the prompt’s progress are shown while an answer comes', async ({ chat }) => {
  await chat.open(LONG_WINDED)
  const { page } = chat
  // Every text that the line of figures shows, and whether the answer was still running then.
  await page.evaluate(() => {
    const seen: [string, boolean][] = []
    Object.assign(window, { seen })
    const find = (root: Document | ShadowRoot, tag: string): Element[] =>
      [...root.querySelectorAll('*')].flatMap((element) => [
        ...(element.localName === tag ? [element] : []),
        ...(element.shadowRoot ? find(element.shadowRoot, tag) : []),
      ])
    const look = (): void => {
      const line = find(document, 'answer-stats').at(-1)?.shadowRoot?.textContent ?? ''
      const isRunning = find(document, 'button').some((button) => button.getAttribute('aria-label') === 'Stop')
      if (line !== '') seen.push([line, isRunning])
      requestAnimationFrame(look)
    }
    look()
  })
  await chat.ask(`${FILLER}\n${STORY}`)
  const seen = await page.evaluate(() => Reflect.get(window, 'seen') as [string, boolean][])
  const live = seen.filter(([, isRunning]) => isRunning).map(([line]) => line)
  expect(live.filter((line) => /processing prompt \d+\/\d+/.test(line))).not.toEqual([])
  expect(live.filter((line) => /[\d.]+ tok\/s/.test(line) && /\d+ tokens/.test(line) && /first after/.test(line))).not.toEqual([])
  await expect(chat.answers.last()).toContainText(/[\d.]+ tok\/s\s*\d+ tokens\s*first after .*in all/)
})

test('C2: Esc stops within a second, keeps the text, and the ring is idle after', async ({ chat, cluster }) => {
  await chat.open(LONG_WINDED)
  await chat.begin(STORY)
  await chat.input.press('Escape')
  await expect(chat.page.getByText('Stopped.')).toBeVisible({ timeout: 1000 })
  const kept = await chat.answers.last().locator('markdown-text section').innerText()
  expect(kept.length).toBeGreaterThan(0)
  const running = () => [...cluster.server.view().peers.values()].reduce((sum, peer) => sum + peer.status.sequences, 0)
  await expect.poll(running).toBe(0)
  await chat.page.reload()
  await expect(chat.answers.last().locator('markdown-text')).toHaveText(kept)
  await expect(chat.answers.last().getByRole('button', { name: 'Continue' })).toBeVisible()
})

test('C3: another answer and an edited question are branches; all survive a reload', async ({ chat }) => {
  const [first, second] = [sample(1), sample(2)]
  await chat.open()
  expect(await chat.ask(first.question)).toBe(first.answer)
  await chat.answers.last().getByRole('button', { name: 'Regenerate' }).click()
  await expect(chat.page.getByText('2/2')).toBeVisible()
  await chat.whole()
  expect(chat.asked().map(({ temperature }) => temperature)).toEqual([undefined, 0.7])

  const question = chat.page.locator('question-turn').first()
  await question.getByRole('button', { name: 'Edit question' }).click()
  await chat.page.getByRole('textbox', { name: 'Edit question' }).fill(second.question)
  await chat.page.getByRole('button', { name: 'Ask', exact: true }).click()
  await expect(chat.answers.last().locator('markdown-text')).toHaveText(second.answer)
  await chat.whole()

  await chat.page.reload()
  await expect(chat.answers.last().locator('markdown-text')).toHaveText(second.answer)
  await question.getByRole('button', { name: 'Previous version' }).click()
  await expect(question).toContainText(first.question)
  await expect(chat.answers.getByText('2/2')).toBeVisible()
  await chat.answers.getByRole('button', { name: 'Previous version' }).click()
  await expect(chat.answers.last().locator('markdown-text')).toHaveText(first.answer)
})

test('C4: an answer edited in place makes no branch, and the next turn sees it', async ({ chat }) => {
  await chat.open()
  await chat.ask(sample(1).question)
  await chat.answers.last().getByRole('button', { name: 'Edit answer' }).click()
  await chat.page.getByRole('textbox', { name: 'Edit answer' }).fill('I am **a teapot**.')
  await chat.page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(chat.answers.last().locator('strong')).toHaveText('a teapot')
  await expect(chat.page.getByRole('group', { name: 'Versions' })).toHaveCount(0)
  await chat.ask(sample(0).question)
  expect(
    chat
      .asked()
      .at(-1)
      ?.messages.map(({ content }) => content),
  ).toEqual([sample(1).question, 'I am **a teapot**.', sample(0).question])
  await chat.page.reload()
  await expect(chat.answers.first().locator('strong')).toHaveText('a teapot')
})

test('C5: Ctrl+Enter saves in both editors, Esc leaves both as they were', async ({ chat }) => {
  await chat.open()
  await chat.ask(sample(1).question)
  await chat.answers.last().getByRole('button', { name: 'Edit answer' }).click()
  await chat.page.getByRole('textbox', { name: 'Edit answer' }).fill('Saved by keys')
  await chat.page.keyboard.press('Control+Enter')
  await expect(chat.answers.last().locator('markdown-text')).toHaveText('Saved by keys')
  await chat.answers.last().getByRole('button', { name: 'Edit answer' }).click()
  await chat.page.getByRole('textbox', { name: 'Edit answer' }).fill('Never mind')
  await chat.page.keyboard.press('Escape')
  await expect(chat.answers.last().locator('markdown-text')).toHaveText('Saved by keys')

  // The up arrow in an empty input opens the editor of the last question.
  await chat.input.press('ArrowUp')
  await chat.page.getByRole('textbox', { name: 'Edit question' }).fill(sample(2).question)
  await chat.page.keyboard.press('Control+Enter')
  await expect(chat.answers.last().locator('markdown-text')).toHaveText(sample(2).answer)
})

test('C14: text files and long pastes go with the question; an image gets a plain sentence and the draft stays', async ({ chat }) => {
  await chat.open()
  const { page } = chat
  await chat.input.fill('What is in it?')
  await page.getByLabel('Attach text files').setInputFiles([
    { name: 'cat.png', mimeType: 'image/png', buffer: Buffer.from('89504e47', 'hex') },
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('The ring is round.') },
  ])
  await expect(page.getByRole('status').filter({ hasText: 'cat.png is an image. The models here read text only' })).toBeVisible()
  await expect(chat.input).toHaveValue('What is in it?')
  await expect(page.getByText('notes.txt')).toBeVisible()
  await page.getByRole('button', { name: 'Remove notes.txt' }).click()
  await expect(page.getByText('notes.txt')).toHaveCount(0)

  await page.evaluate((text) => {
    const field = document
      .querySelector('ringlet-app')
      ?.shadowRoot?.querySelector('chat-page')
      ?.shadowRoot?.querySelector('chat-composer')
      ?.shadowRoot?.querySelector('textarea')
    const data = new DataTransfer()
    data.setData('text/plain', text)
    field?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  }, FILLER)
  await expect(page.getByText('Pasted text.txt')).toBeVisible()
  await expect(chat.input).toHaveValue('What is in it?')
  await chat.input.press('Enter')
  await expect(chat.answers).toHaveCount(1)
  await chat.whole()
  expect(chat.asked()[0]?.messages[0]?.content).toBe(`File Pasted text.txt:\n\`\`\`\n${FILLER}\n\`\`\`\n\nWhat is in it?`)
})

test('C15: a temporary chat leaves no trace in storage; a chat is shared as a file', async ({ chat }) => {
  await chat.open()
  const { page } = chat
  await page.getByRole('button', { name: 'Temporary chat' }).click()
  await expect(page.getByRole('heading', { name: 'Ask, and leave no trace' })).toBeVisible()
  await chat.ask(sample(1).question)
  const kept = await page.evaluate(async (words) => {
    const found: string[] = []
    for (const { name = '' } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open(name)
        request.addEventListener('success', () => resolve(request.result))
        request.addEventListener('error', () => reject(request.error))
      })
      for (const store of database.objectStoreNames) {
        const all = await new Promise<unknown[]>((resolve) => {
          const request = database.transaction(store).objectStore(store).getAll()
          request.addEventListener('success', () => resolve(request.result))
        })
        found.push(...all.map((value) => JSON.stringify(value)))
      }
      database.close()
    }
    found.push(JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), location.href)
    return found.filter((text) => text.includes(words))
  }, sample(1).question)
  expect(kept).toEqual([])
  await page.getByRole('button', { name: 'More', exact: true }).click()
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: 'Save as Markdown' }).click()])
  expect(readFileSync(await download.path(), 'utf8')).toContain(sample(1).answer)
  await page.reload()
  await expect(page.getByRole('heading', { name: 'Ask the ring' })).toBeVisible()
  await expect(page.getByText(sample(1).question)).toHaveCount(1)
})

test('C16: an answer survives a reload in its middle: all of it is there, and it is the one that was begun', async ({ chat, cluster }) => {
  await chat.open(LONG_WINDED)
  await chat.begin(STORY)
  const partial = await chat.answers.last().locator('markdown-text section').innerText()
  await chat.page.reload()
  await expect(chat.answers).toHaveCount(1)
  await chat.whole()
  const [, answer] = (await chat.chat()).messages
  expect(answer?.finish).toMatch(/^(stop|length)$/)
  expect(answer?.text.length).toBeGreaterThan(partial.length)
  const body = { model: 'ember', messages: [{ role: 'user', content: STORY }], frequency_penalty: -2, max_completion_tokens: 800 }
  const response = await fetch(`${cluster.server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const undisturbed = (await response.json()) as { choices: [{ message: { content: string } }] }
  expect(answer?.text).toBe(undisturbed.choices[0].message.content)
  expect(chat.asked()).toHaveLength(1)
})

test('C18: a heat map tells how sure each token was; from any of them the answer is written anew', async ({ chat }) => {
  await chat.open({ chances: true })
  const answer = await chat.ask(sample(1).question)
  await chat.answers.last().getByRole('button', { name: 'Token probabilities' }).click()
  const tokens = chat.page.getByRole('group', { name: 'Tokens by likelihood' })
  await expect(tokens).toHaveText(answer)
  await tokens.getByRole('button').nth(2).click()
  const rivals = chat.page.getByRole('group', { name: 'Instead of this token' })
  await expect(rivals.getByRole('button')).toHaveCount(5)
  const given = await tokens.getByRole('button').allInnerTexts()
  await rivals.getByRole('button').nth(1).click()
  await chat.whole()
  const begun = chat.asked().at(-1)?.messages.at(-1)
  expect(begun?.role).toBe('assistant')
  expect(begun?.content.startsWith(given.slice(0, 2).join(''))).toBe(true)
  await expect(chat.page.getByText('2/2')).toBeVisible()
  expect((await chat.chat()).messages.at(-1)?.text.startsWith(begun?.content ?? 'nothing')).toBe(true)
})

test('C19: before the first message the page says who could read the chat', async ({ chat }) => {
  await chat.open()
  await expect(chat.page.getByText('Could read this chat: the server.')).toBeVisible()
  await chat.ask(sample(0).question)
  await expect(chat.page.getByText('Could read this chat: the server.')).toBeVisible()
})

test('system prompt and sampling of a chat reach the model, stay with the chat, and can become what new chats begin with', async ({ chat }) => {
  await chat.open()
  const { page } = chat
  await page.getByRole('button', { name: 'Settings of this chat' }).click()
  const dialog = page.getByRole('dialog', { name: 'Settings of this chat' })
  await dialog.getByLabel('System prompt').fill('Be brief.')
  await dialog.getByLabel('Temperature').fill('7')
  await dialog.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(dialog.getByRole('alert')).toHaveText('Temperature: expected a number from 0 to 2.')
  await dialog.getByLabel('Temperature').fill('0.3')
  await dialog.getByRole('button', { name: 'Use for new chats too' }).click()
  await expect(dialog).toBeHidden()
  await chat.ask(sample(0).question)
  expect(chat.asked()[0]).toMatchObject({
    temperature: 0.3,
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: sample(0).question },
    ],
  })
  await page.getByRole('button', { name: 'New chat' }).first().click()
  await chat.ask(sample(0).question)
  expect(chat.asked()[1]).toMatchObject({ temperature: 0.3 })
})
