/** What pages cost before they are used: bytes of the chat's first load, whether it moves while it comes, and when others ask for their code. */
import { gzipSync } from 'node:zlib'
import { expect } from '@playwright/test'
import { sample, test } from './chat-cluster.ts'

/** Of the document, its styles and scripts, without the engine's worker. */
const MOST_BYTES = 250_000

test('the first load of the chat is at most 250 kB gzip before the engine, and brings no formula, colour or other page along', async ({ chat }) => {
  const loaded = new Map<string, number>()
  const reading: Promise<void>[] = []
  chat.page.on('response', (response) => {
    const kind = response.request().resourceType()
    const path = new URL(response.url()).pathname
    if (!['document', 'stylesheet', 'script', 'image', 'manifest'].includes(kind) || path.includes('worker') || path.startsWith('/ort/')) return
    reading.push(response.body().then((body) => void loaded.set(path, gzipSync(body, { level: 9 }).length)))
  })
  // Other pages are fetched when the browser is idle, which is after the first load.
  await chat.page.addInitScript(() => Reflect.set(window, 'requestIdleCallback', () => 0))
  await chat.open()
  await Promise.all(reading)
  const total = [...loaded.values()].reduce((sum, bytes) => sum + bytes, 0)
  process.stdout.write(`first load of the chat: ${(total / 1000).toFixed(1)} kB gzip in ${loaded.size} files\n`)
  expect([...loaded.keys()]).toContain('/')
  expect([...loaded.keys()].filter((path) => /math|colours|cluster-page|models-page|contribute-page/.test(path))).toEqual([])
  expect(total).toBeLessThanOrEqual(MOST_BYTES)
  expect(total).toBeGreaterThan(50_000)
})

for (const name of ['chat', 'contribute', 'cluster', 'models', 'keys', 'start']) {
  test(`${name}: the document asks for the page's own code at once, beside what all pages share`, async ({ cluster, request }) => {
    const html = await (await request.get(`${cluster.server.url}/${name === 'chat' ? '' : name}`)).text()
    expect(html).toMatch(new RegExp(`<link rel="modulepreload"[^>]*href="/assets/${name}-page-[^"]+\\.js"`))
  })
}

test('a page of which a part cannot be loaded says so, and is whole when it is loaded again', async ({ browser, cluster }) => {
  const page = await browser.newPage()
  const part = /\/assets\/start-app-[^/]+\.js$/
  await page.route(part, (route) => route.abort())
  await page.goto(`${cluster.server.url}/models`)
  const notice = page.getByRole('alert')
  await expect(notice).toContainText('A part of this page could not be loaded')
  await page.unroute(part)
  await notice.getByRole('link', { name: 'Load it again' }).click()
  await expect(page.locator('.shell')).toHaveCount(0)
  await expect(page.getByRole('heading', { level: 1, name: 'Models' })).toBeVisible()
  await page.close()
})

test('nothing jumps while the chat loads and answers: layout shift stays below 0.02', async ({ chat }) => {
  await chat.page.addInitScript(() => {
    Reflect.set(window, 'shifts', 0)
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (!Reflect.get(entry, 'hadRecentInput'))
          Reflect.set(window, 'shifts', Number(Reflect.get(window, 'shifts')) + Number(Reflect.get(entry, 'value')))
      }
    }).observe({ type: 'layout-shift', buffered: true })
  })
  await chat.open()
  await chat.ask(sample(1).question)
  await chat.page.reload()
  await expect(chat.answers.last().locator('markdown-text')).toHaveText(sample(1).answer)
  expect(await chat.page.evaluate(() => Number(Reflect.get(window, 'shifts')))).toBeLessThan(0.02)
})
