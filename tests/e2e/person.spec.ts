/** What a person does: lends two devices, asks in a third window, reads the streamed answer, stops one. */
import { expect, test, type Page } from '@playwright/test'
import { SAMPLES, startLiveCluster, type LiveCluster } from './live-cluster.ts'

test.describe.configure({ mode: 'serial', timeout: 120_000 })

let cluster: LiveCluster
let devices: Page[]
test.beforeAll(async ({ browser }) => {
  cluster = await startLiveCluster(['--no-local-device'])
  devices = []
  for (const name of ['Kitchen laptop', 'Old desktop']) {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage()
    expectQuiet(page)
    await page.goto(`${cluster.server.url}/contribute`)
    await page.getByLabel('Name').fill(name)
    await page.getByRole('button', { name: /join/i }).click()
    devices.push(page)
  }
  await cluster.placed(2)
})
test.afterAll(async () => {
  // Devices first: a page whose server is gone complains, and it would complain into the next test.
  for (const page of devices) await page.context().close()
  await cluster.close()
})

/** Whatever the browser complains about fails the test, a breach of the Content-Security-Policy included. */
function expectQuiet(page: Page): void {
  page.on('console', (message) => expect.soft(message.type(), message.text()).not.toBe('error'))
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
}

async function ask(page: Page, question: string): Promise<void> {
  await page.getByLabel('Your question').fill(question)
  await page.getByLabel('Your question').press('Enter')
}

for (const { width, height } of [
  { width: 1280, height: 860 },
  { width: 360, height: 740 },
]) {
  test(`asks, reads the streamed answer and stops one, at ${width} px`, async ({ browser }) => {
    const page = await (await browser.newContext({ viewport: { width, height } })).newPage()
    expectQuiet(page)
    await page.goto(`${cluster.server.url}/`)
    const sample = SAMPLES[1]
    await ask(page, sample?.messages[0]?.content ?? '')
    // Also said to screen readers, elsewhere.
    await expect(page.getByRole('log').getByText(sample?.text ?? 'nothing')).toBeVisible({ timeout: 30_000 })
    await expect(page.getByText(/tok\/s/).first()).toBeVisible()
    await page.screenshot({ path: `test-results/person-chat-${width}.png`, fullPage: true })

    await ask(page, 'Write a short story.')
    await page.getByRole('button', { name: /stop/i }).click()
    await expect(page.getByRole('button', { name: /stop/i })).toBeHidden()
    // The ring is idle again: every cache is freed.
    await expect.poll(() => [...cluster.server.view().peers.values()].reduce((sum, peer) => sum + peer.status.sequences, 0)).toBe(0)

    await page.goto(`${cluster.server.url}/cluster`)
    await expect(page.getByText('Kitchen laptop').first()).toBeVisible()
    await page.screenshot({ path: `test-results/person-cluster-${width}.png`, fullPage: true })
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0)
    await page.context().close()
  })
}

test('the lending page says what the device holds, pauses and leaves', async () => {
  const [first] = devices
  if (!first) throw new Error('no device')
  await first.screenshot({ path: 'test-results/person-contribute-1280.png', fullPage: true })
  await first.setViewportSize({ width: 360, height: 740 })
  await first.screenshot({ path: 'test-results/person-contribute-360.png', fullPage: true })
  await expect(first.getByText(/layers/i).first()).toBeVisible()
  expect(await first.evaluate(() => crossOriginIsolated)).toBe(true)
  await first.getByRole('button', { name: /pause/i }).click()
  await cluster.placed(1)
  await first.getByRole('button', { name: /resume/i }).click()
  await cluster.placed(2)
  await first.getByRole('button', { name: /leave/i }).click()
  await cluster.placed(1)
})
