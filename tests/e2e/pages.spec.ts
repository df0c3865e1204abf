import { expect, test, type Page } from '@playwright/test'
import type { ChatEvent } from '../../web/engine/page-engine.ts'
import { startPageServer, type PageServer } from './page-server.ts'

const SIZES = [
  { name: '1280', width: 1280, height: 860 },
  { name: '360', width: 360, height: 740 },
] as const

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

/** Opens a page of a scenario; anything the browser complains about, the Content-Security-Policy included, fails the test. */
async function open(page: Page, path: string): Promise<void> {
  page.on('console', (message) => expect.soft(message.type(), message.text()).not.toBe('error'))
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
  await page.goto(server.url + path)
  await expect(page.locator('ringlet-app main')).toBeVisible()
}

const answer = (page: Page, event: ChatEvent) => page.evaluate((given) => window.fixture.answer(given), event)
const text = (words: string, completionTokens: number): ChatEvent => ({ type: 'text', text: words, completionTokens })
const DONE: ChatEvent = { type: 'done', finish: 'stop', promptTokens: 12, completionTokens: 96, firstTokenMs: 212, tokensPerSecond: 23.4 }

async function ask(page: Page, question: string): Promise<void> {
  await page.getByLabel('Your question').fill(question)
  await page.getByLabel('Your question').press('Enter')
}

/** Nothing reaches beyond the right edge, and what a person can touch has a name. */
async function expectSound(page: Page): Promise<void> {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  expect(overflow, 'sideways scroll in pixels').toBe(0)
  const problems = await page.evaluate(() => {
    const found: string[] = []
    const nameOf = (element: Element): string => {
      const label = element.getAttribute('aria-label') ?? element.textContent?.trim() ?? ''
      const labels =
        element instanceof HTMLInputElement || element instanceof HTMLSelectElement || element instanceof HTMLTextAreaElement
          ? [...(element.labels ?? [])].map((one) => one.textContent?.trim())
          : []
      return element.matches('input, select, textarea') ? (element.getAttribute('aria-label') ?? labels.join('')) : label
    }
    const visit = (root: Document | ShadowRoot): void => {
      const ids = [...root.querySelectorAll('[id]')].map((element) => element.id)
      if (new Set(ids).size !== ids.length) found.push(`double ids: ${ids.join()}`)
      for (const element of root.querySelectorAll('*')) {
        if (element.matches('button, a[href], input, select, textarea') && nameOf(element) === '')
          found.push(`no name: ${element.outerHTML.slice(0, 120)}`)
        if (element.matches('[aria-labelledby]') && !ids.includes(element.getAttribute('aria-labelledby') ?? ''))
          found.push(`label is elsewhere: ${element.outerHTML.slice(0, 120)}`)
        if (element.shadowRoot) visit(element.shadowRoot)
      }
    }
    visit(document)
    return found
  })
  expect(problems).toEqual([])
  await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1)
}

for (const size of SIZES) {
  test.describe(`${size.name} px wide`, () => {
    test.use({ viewport: { width: size.width, height: size.height } })
    const shoot = (page: Page, name: string, fullPage = true) => page.screenshot({ path: `test-results/shots/${name}-${size.name}.png`, fullPage })

    test('chat: before the first question says which ring answers and who could read along', async ({ page }) => {
      await open(page, '/')
      await expect(page.getByText('Ember · 8 layers over 3 devices · ready')).toBeVisible()
      await expect(page.getByText('Could read this chat: Kitchen laptop, Studio Mac, Pixel 8 and the server.')).toBeVisible()
      await expectSound(page)
      await shoot(page, 'chat-empty', false)
    })

    test('chat: streams Markdown with live figures, then offers copy and another answer', async ({ page }) => {
      await open(page, '/')
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
      await open(page, '/?scenario=empty')
      await ask(page, 'Hello?')
      await expect(page.getByRole('alert').filter({ hasText: 'No devices hold the model yet.' })).toBeVisible()
      await expect(page.getByLabel('Your question')).toHaveValue('Hello?')
      await expectSound(page)
      await shoot(page, 'chat-no-devices', false)
    })

    test('contribute: found, then every phase from joining to serving', async ({ page }) => {
      await open(page, '/contribute')
      await expect(page.getByText('Apple M2 (metal-3)')).toBeVisible()
      await expectSound(page)
      await shoot(page, 'contribute-before')
      await page.getByLabel('Name, as others see it').fill('Kitchen laptop')
      await page.getByRole('button', { name: 'Join the ring' }).click()
      await expect(page.getByText('Joining the cluster…')).toBeVisible()
      expect(await page.evaluate(() => window.fixture.lentWith())).toEqual({
        name: 'Kitchen laptop',
        backend: 'auto',
        weightFormat: 'auto',
        memoryBytes: 2 * 1024 ** 3,
        threads: 7,
      })
      const advance = () => page.evaluate(() => window.fixture.advance())
      await advance()
      await expect(page.getByText('Joined, no layers yet')).toBeVisible()
      await advance()
      await expect(page.getByText('14.6 MB of 36 MB · 3.1 MB/s · 7 s left')).toBeVisible()
      await expect(page.getByRole('progressbar', { name: 'Downloading layers 4–7 of Ember' })).toHaveAttribute('value', '40')
      await shoot(page, 'contribute-download')
      await advance()
      await expect(page.getByText('Compiling layers 4–7 of Ember')).toBeVisible()
      await advance()
      await expect(page.getByText('Warming up layers 4–7 of Ember')).toBeVisible()
      await advance()
      await expect(page.getByText('Serving layers 4–7 of Ember')).toBeVisible()
      await expect(page.getByText('1,284 frames')).toBeVisible()
      await expect(page.getByText('int4, 29 matrices requantized, largest error 4.1 %')).toBeVisible()
      await expectSound(page)
      await shoot(page, 'contribute-serving')
      await page.getByRole('button', { name: 'Pause' }).click()
      await expect(page.getByRole('button', { name: 'Resume' })).toBeVisible()
      await page.getByRole('button', { name: 'Leave' }).click()
      await expect(page.getByRole('button', { name: 'Join the ring' })).toBeVisible()
    })

    for (const scenario of ['ready', 'relayed', 'single', 'pair', 'loading', 'four', 'six', 'many', 'empty'] as const) {
      test(`cluster: draws and tells the ring (${scenario})`, async ({ page }) => {
        await open(page, `/cluster?scenario=${scenario}`)
        await expect(page.getByRole('table', { name: 'Devices and peers' })).toBeVisible()
        await expect(page.getByRole('img', { name: 'QR code of the join link' })).toBeVisible()
        if (scenario === 'ready') await expect(page.getByText('f16, 12 matrices exact, 16 requantized, largest error 0.041 %').first()).toBeVisible()
        if (scenario === 'relayed') await expect(page.getByRole('cell', { name: '48 ms relayed to Pixel 8' })).toBeVisible()
        await expectSound(page)
        await shoot(page, `cluster-${scenario}`)
      })
    }

    test('models: what is here and how far, what fits, what is kept', async ({ page }) => {
      await open(page, '/models?scenario=models')
      const card = (name: string) => page.getByRole('article', { name, exact: true })
      await expect(card('ember')).toContainText('Ready over 2 devices')
      await expect(card('ember').getByRole('link', { name: 'Ask in chat' })).toHaveAttribute('href', '/?model=ember')
      await expect(card('Qwen3 0.6B')).toContainText('Downloading 25 % over 2 devices')
      await expect(card('Qwen3 0.6B').getByRole('progressbar')).toHaveCount(2)
      await expect(card('SmolLM2 135M Instruct')).toContainText('Stopped at 35 %')
      await expect(card('Fetched')).toContainText('Downloaded over 2 devices, not loaded')
      await expect(card('Llama 3.1 8B Instruct')).toContainText('Not enough memory: short by 4.2 GB')
      await expect(card('uploaded')).toContainText('Studio Mac could not load layers 4–7')
      await expect(card('uploaded')).toContainText('no access (403): a token may be needed')
      await expect(card('broken').getByRole('button')).toHaveCount(1)
      await expect(card('broken')).toContainText('Model type mamba9 is not supported; supported are llama')
      await expect(card('Llama 3.2 1B Instruct')).toContainText('1.2 B parameters · about 2.3 GB to read · 128 k tokens of context')
      await expect(page.getByRole('region', { name: 'Uploads' })).toContainText('org/half')
      await expect(page.getByRole('region', { name: 'Kept in this browser' })).toContainText('org/other-model of huggingface.co')
      await expectSound(page)
      await shoot(page, 'models')
    })
  })
}

test.describe('dark', () => {
  test.use({ colorScheme: 'dark', viewport: { width: 1280, height: 860 } })
  for (const path of ['/', '/contribute', '/cluster', '/models'] as const) {
    test(`${path} in the dark`, async ({ page }) => {
      await open(page, path === '/models' ? '/models?scenario=models' : path)
      await expectSound(page)
      await page.screenshot({ path: `test-results/shots/dark-${path.slice(1) || 'chat'}.png`, fullPage: true })
    })
  }
})

test('Esc stops the answer, keeps its text and cancels the request', async ({ page }) => {
  await open(page, '/')
  await ask(page, 'Tell me a story')
  await answer(page, text('Once upon a time', 4))
  await page.getByLabel('Your question').press('Escape')
  await expect(page.getByText('Stopped.')).toBeVisible()
  await expect(page.getByRole('log').getByText('Once upon a time')).toBeVisible()
  expect(await page.evaluate(() => window.fixture.isCancelled())).toBe(true)
})

test('Shift+Enter breaks the line, Enter sends, and another answer replaces the last', async ({ page }) => {
  await open(page, '/')
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
  await open(page, '/')
  await ask(page, 'Tell me a story')
  await answer(page, text('Once upon', 3))
  await page.evaluate(() => window.fixture.fail('ring_broken', 'peer left'))
  await expect(page.getByRole('alert').filter({ hasText: 'A device left while it was answering.' })).toBeVisible()
  await expect(page.getByText('Interrupted before it was done.')).toBeVisible()
})

test('the conversation survives a reload, and an answer goes on while its owner looks at another page', async ({ page }) => {
  await open(page, '/')
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
  await open(page, '/')
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

test('a join link with auto=1 joins by itself with what it asks for', async ({ page }) => {
  await open(page, '/contribute?auto=1&name=Hall%20tablet&backend=simd&threads=2&memory=512&weights=f32')
  await expect(page.getByText('Joining the cluster…')).toBeVisible()
  expect(await page.evaluate(() => window.fixture.lentWith())).toEqual({
    name: 'Hall tablet',
    backend: 'simd',
    weightFormat: 'f32',
    memoryBytes: 512 * 1024 ** 2,
    threads: 2,
  })
})

test('tells privacy in both directions and never promises anonymity', async ({ page }) => {
  await open(page, '/contribute')
  const words = await page.getByRole('region', { name: 'Who sees what' }).innerText()
  expect(words).toContain('no code of other people runs here')
  expect(words).toContain('other devices of a ring could read yours')
  expect(words.toLowerCase()).not.toContain('anonym')
})

test('a refused join and a lost connection are told on every page', async ({ page }) => {
  await open(page, '/cluster?scenario=refused')
  await expect(page.getByRole('alert').filter({ hasText: 'This cluster wants an invitation.' })).toBeVisible()
  await page.goto(`${server.url}/?scenario=offline`)
  await expect(page.getByRole('status').filter({ hasText: 'Not connected to the cluster: the server does not answer.' })).toBeVisible()
})

test('the join link carries the invitation of this page', async ({ page }) => {
  await open(page, '/?token=s3cret')
  await page.getByRole('link', { name: 'Cluster' }).click()
  await expect(page.getByText(`${server.url}/contribute?token=s3cret`)).toBeVisible()
})

test('models: the filter narrows by family, words and fit; deleting asks first and takes no for an answer; the keyboard reaches it all', async ({
  page,
}) => {
  await open(page, '/models')
  const catalogue = page.getByRole('region', { name: 'Catalogue' })
  await expect(catalogue.getByRole('article')).toHaveCount(6)
  await page.getByLabel('Only what fits here').check()
  await expect(catalogue.getByRole('article')).toHaveCount(3)
  await page.getByLabel('Family').selectOption('Qwen')
  await expect(catalogue.getByRole('article')).toHaveCount(1)
  await page.getByLabel('Family').selectOption('All')
  await page.getByLabel('Find').fill('smol 135')
  await expect(catalogue.getByRole('article', { name: 'SmolLM2 135M Instruct' })).toBeVisible()
  await page.getByLabel('Find').fill('nothing like it')
  await expect(catalogue.getByText('No model matches.')).toBeVisible()
  await page.getByLabel('Held as').selectOption('Smallest')
  await expect(catalogue.getByText('fewest bits')).toBeVisible()

  const uploaded = page.getByRole('article', { name: 'uploaded' })
  await uploaded.getByRole('button', { name: 'Delete uploaded' }).focus()
  await page.keyboard.press('Enter')
  await expect(uploaded.getByRole('alert').filter({ hasText: 'Delete it from every device and from the server?' })).toBeVisible()
  await expect(uploaded.getByRole('button', { name: 'Keep it' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(uploaded.getByRole('button', { name: 'Delete uploaded' })).toBeFocused()
})

test('models: picked files are checked in the page before anything is sent, and the reason is a sentence', async ({ page }) => {
  await open(page, '/models')
  const pick = (files: readonly { name: string; text: string }[]) =>
    page
      .getByLabel('Files of a model')
      .setInputFiles(files.map(({ name, text: content }) => ({ name, mimeType: 'application/json', buffer: Buffer.from(content) })))
  await pick([{ name: 'notes.txt', text: 'hello' }])
  await expect(page.getByRole('alert').filter({ hasText: 'There is no model in the choice' })).toBeVisible()
  await pick([{ name: 'config.json', text: '{"model_type": "mamba9"}' }])
  await expect(
    page
      .getByRole('region', { name: 'Add a model' })
      .getByRole('alert')
      .filter({ hasText: /mamba9 is not supported; supported are llama/ }),
  ).toBeVisible()
})

test('what peers say of themselves is text, never markup', async ({ page }) => {
  for (const path of ['/', '/cluster', '/contribute', '/models']) {
    await open(page, `${path}?scenario=hostile`)
    await expectSound(page)
    expect(await page.evaluate(() => 'owned' in window), path).toBe(false)
  }
  await page.goto(`${server.url}/cluster?scenario=hostile`)
  await expect(page.getByText('<img src=x onerror="window.owned=1">').first()).toBeVisible()
})
