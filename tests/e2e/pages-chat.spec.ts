/** The chat over a played ring. */
import { expect, test } from '@playwright/test'
import { startPageServer, type PageServer } from './page-server.ts'
import { answer, ask, DONE, expectSound, onBothScreens, open, text } from './played-page.ts'

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

onBothScreens((shoot) => {
  test('chat: before the first question says which ring answers and who could read along', async ({ page }) => {
    await open(page, server, '/')
    await expect(page.getByText('Ember · 8 layers over 3 devices · ready')).toBeVisible()
    await expect(page.getByText('Could read this chat: Kitchen laptop, Studio Mac, Pixel 8 and the server.')).toBeVisible()
    await expectSound(page)
    await shoot(page, 'chat-empty', false)
  })

  test('chat: streams Markdown with live figures, then offers copy and another answer', async ({ page }) => {
    await open(page, server, '/')
    await ask(page, 'How do I sum a list in Python, and which ways are there?')
    await answer(page, { type: 'progress', processed: 8, total: 12 })
    await expect(page.getByText('processing prompt 8/12')).toBeVisible()
    await expect(page.getByRole('log')).toHaveAttribute('aria-busy', 'true')
    await answer(page, text('Use the built-in **sum', 6))
    await expect(page.locator('markdown-text strong')).toHaveText('sum')
    await expect(page.locator('markdown-text').last()).not.toContainText('**')
    await answer(
      page,
      text(
        '**. It takes any *iterable* of numbers:\n\n```python\nvalues = [1, 2, 3]\nprint(sum(values))  # 6\n```\n\n| Way | When |\n| --- | --- |\n| `sum` | numbers |\n| `math.fsum` | floats that must be exact |\n\n',
        60,
      ),
    )
    await answer(page, text('1. Try it in a shell.\n2. Read the [documentation](https://docs.python.org/3/library/functions.html#sum).\n', 80))
    await shoot(page, 'chat-streaming', false)
    await answer(page, DONE)
    await expect(page.locator('markdown-text .bar')).toContainText('python')
    await expect(page.getByText('23.4 tok/s')).toBeVisible()
    await expect(page.getByText('96 tokens')).toBeVisible()
    await expect(page.getByText('first after 212 ms')).toBeVisible()
    await expect(page.getByRole('log')).toHaveAttribute('aria-busy', 'false')
    await expect(page.getByRole('button', { name: 'Regenerate' })).toBeVisible()
    await expect(page.getByRole('link', { name: 'documentation' })).toHaveAttribute('rel', /noopener/)
    await expectSound(page)
    await shoot(page, 'chat-answer', false)
  })

  test('chat: no devices is said in words, the question stays in the input', async ({ page }) => {
    await open(page, server, '/?scenario=empty')
    await ask(page, 'Hello?')
    await expect(page.getByRole('alert').filter({ hasText: 'No devices hold the model yet.' })).toBeVisible()
    await expect(page.getByLabel('Your question')).toHaveValue('Hello?')
    await expectSound(page)
    await shoot(page, 'chat-no-devices', false)
  })
})

test('Esc stops the answer, keeps its text and cancels the request', async ({ page }) => {
  await open(page, server, '/')
  await ask(page, 'Tell me a story')
  await answer(page, text('Once upon a time', 4))
  await page.getByLabel('Your question').press('Escape')
  await expect(page.getByText('Stopped.')).toBeVisible()
  await expect(page.getByRole('log').getByText('Once upon a time')).toBeVisible()
  expect(await page.evaluate(() => window.fixture.isCancelled())).toBe(true)
})

test('Shift+Enter breaks the line, Enter sends, and another answer replaces the last', async ({ page }) => {
  await open(page, server, '/')
  const input = page.getByLabel('Your question')
  await input.pressSequentially('one')
  await input.press('Shift+Enter')
  await input.pressSequentially('two')
  await input.press('Enter')
  await answer(page, text('First.', 2))
  await answer(page, DONE)
  await page.getByRole('button', { name: 'Regenerate' }).click()
  await answer(page, text('Second.', 2))
  await answer(page, DONE)
  await expect(page.getByText('First.')).toHaveCount(0)
  const requests = await page.evaluate(() => window.fixture.requests())
  expect(requests.map((request) => request.messages)).toEqual([[{ role: 'user', content: 'one\ntwo' }], [{ role: 'user', content: 'one\ntwo' }]])
  expect(requests.map((request) => request.sampling?.temperature)).toEqual([null, 0.7])
})

test('a broken ring keeps what was written and says what happened', async ({ page }) => {
  await open(page, server, '/')
  await ask(page, 'Tell me a story')
  await answer(page, text('Once upon', 3))
  await page.evaluate(() => window.fixture.fail('ring_broken', 'peer left'))
  await expect(page.getByRole('alert').filter({ hasText: 'A device left while it was answering.' })).toBeVisible()
  await expect(page.getByText('Interrupted before it was done.')).toBeVisible()
})

test('the conversation survives a reload, and an answer goes on while its owner looks at another page', async ({ page }) => {
  await open(page, server, '/')
  await ask(page, 'Hello!')
  await answer(page, text('I am ', 2))
  await page.getByRole('link', { name: 'Cluster' }).click()
  await expect(page.getByRole('heading', { name: 'The cluster' })).toBeVisible()
  await answer(page, text('Ember.', 3))
  await answer(page, DONE)
  await page.getByRole('link', { name: 'Chat' }).click()
  await expect(page.getByRole('log').getByText('I am Ember.')).toBeVisible()
  await page.reload()
  await expect(page.getByRole('log').getByText('I am Ember.')).toBeVisible()
  await page.getByRole('button', { name: 'New chat' }).click()
  await expect(page.getByRole('heading', { name: 'Ask the ring' })).toBeVisible()
})

test('a screen reader gets whole sentences from a polite region, never single tokens', async ({ page }) => {
  await open(page, server, '/')
  await ask(page, 'Hello!')
  const live = page.locator('[data-live]')
  await answer(page, text('I am **Em', 2))
  await expect(live).toHaveText('')
  await answer(page, text('ber**. I run', 5))
  await expect(live).toHaveText('I am Ember.')
  await answer(page, text(' in a ring', 8))
  await expect(live).toHaveText('I am Ember.')
  await answer(page, DONE)
  await expect(live).toHaveText('I run in a ring')
})
