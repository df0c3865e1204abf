/** What a lending page shows, over a played cluster. Tests are named after the rows of the product's requirements for lending. */
import { expect, test, type Page } from '@playwright/test'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { DeviceState } from '../../web/engine/page-engine.ts'
import { engineOf } from '../harness/page-app.ts'
import { startPageServer, type PageServer } from './page-server.ts'

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

async function open(page: Page, path = '/contribute'): Promise<void> {
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
  await page.goto(server.url + path)
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
}
const join = (page: Page): Promise<void> => page.getByRole('button', { name: 'Join the ring' }).click()
const advance = (page: Page): Promise<void> => page.evaluate(() => window.fixture.advance())
const become = (page: Page, change: Partial<DeviceState>): Promise<void> => page.evaluate((given) => window.fixture.become(given), change)
const steps = async (page: Page, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await advance(page)
}

test('L3: before any download it says which layers this device can hold and what each takes', async ({ page }) => {
  await open(page)
  const card = page.getByRole('region', { name: 'What it could hold' })
  await expect(card).toContainText('This device can hold layers 4–7 of Ember, about 0.42 ms each for a token.')
  await expect(card).toContainText('Nothing has been downloaded.')
  // Half of its time makes a layer take twice as long.
  await page.getByLabel('Share of its computing time').fill('50')
  await expect(card).toContainText('about 0.84 ms each')
})

test('L4: a download shows each of its files, the speed and the time left, and can be cancelled', async ({ page }) => {
  await open(page)
  await join(page)
  await steps(page, 2)
  await expect(page.getByText('14.6 MB of 36 MB · 3.1 MB/s · 7 s left')).toBeVisible()
  const files = page.getByRole('list', { name: 'Files' }).getByRole('listitem')
  await expect(files).toHaveCount(2)
  await expect(files.nth(0)).toContainText('model-00001-of-00002.safetensors')
  await expect(files.nth(0)).toContainText('14.6 MB of 20 MB · 73 %')
  await expect(files.nth(1)).toContainText('0 B of 16 MB · waiting')
  await page.getByRole('button', { name: 'Cancel and free the storage' }).click()
  await expect(page.getByRole('button', { name: 'Join the ring' })).toBeVisible()
})

test('L5: every slow phase has a moving sign, from joining to handing over', async ({ page }) => {
  await open(page)
  await join(page)
  const sign = page.locator('lend-status').getByRole('progressbar')
  await expect(page.getByText('Joining the cluster…')).toBeVisible()
  await expect(sign.first()).toBeVisible()
  await steps(page, 2)
  for (const words of ['Downloading layers 4–7 of Ember', 'Compiling layers 4–7 of Ember', 'Warming up layers 4–7 of Ember']) {
    await expect(page.locator('lend-status')).toContainText(words)
    await expect(sign.first()).toBeVisible()
    await advance(page)
  }
  await expect(page.getByText('Serving layers 4–7 of Ember')).toBeVisible()
  await expect(sign).toHaveCount(0)
  await become(page, { lending: 'leaving' })
  await expect(page.getByText('Handing over…')).toBeVisible()
  await expect(sign.first()).toBeVisible()
  await expect(page.getByRole('button', { name: 'Leave now' })).toBeVisible()
})

test('L6: limits have two thresholds of which one pushes the other, and a limit that is reached says until when', async ({ page }) => {
  await open(page)
  await join(page)
  await steps(page, 5)
  const limits = page.getByRole('region', { name: 'Limits' })
  await limits.getByLabel('Stop at').fill('60')
  await expect(limits.locator('output[for=resumeAt]')).toHaveText('60 %')
  await limits.getByLabel('Go on at').fill('40')
  await expect(limits.locator('output[for=stopAt]')).toHaveText('40 %')
  await limits.getByLabel('Only while plugged in').check()
  await become(page, { lending: 'paused' })
  await expect(page.getByRole('status').filter({ hasText: 'Holding back' })).toBeVisible()
  await expect(page.getByText('It goes on by itself when it is plugged in.')).toBeVisible()
  // A limit is not ended by hand: it is changed.
  await expect(page.getByRole('button', { name: 'Resume' })).toHaveCount(0)
})

test('L8: the page shows live what flows through: bytes in and out, layers, tokens a second, requests, frames', async ({ page }) => {
  await open(page)
  await join(page)
  await steps(page, 5)
  const flow = page.getByRole('region', { name: 'What flows through' })
  for (const words of ['layers 4–7 of Ember', '84 KB/s', '79.1 KB/s', '41.7', '1,284 frames', '5.1 MB so far'])
    await expect(flow).toContainText(words)
  const line = flow.getByRole('img', { name: /Tokens a second/ }).locator('path')
  const before = await line.getAttribute('d')
  await become(page, {
    work: { tokens: 1300, requests: 10, bytesIn: 6e6, bytesOut: 5e6, tokensPerSecond: 12.5, bytesInPerSecond: 100, bytesOutPerSecond: 90 },
  })
  await expect(flow).toContainText('12.5')
  expect(await line.getAttribute('d')).not.toBe(before)
  await expect(flow).toContainText('Given in all visits: 48,210 tokens for 391 requests')
})

test.describe('on a phone', () => {
  test.use({ hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } })
  test('L11: a banner says to keep the page in sight before it is hidden, and afterwards that it was hidden', async ({ page }) => {
    await open(page)
    const banner = page.locator('sight-banner')
    await expect(banner.getByRole('status')).toHaveCount(0)
    await join(page)
    await steps(page, 5)
    await expect(banner).toContainText('Keep this page in sight.')
    await page.evaluate(() => window.fixture.see('hidden'))
    await page.evaluate(() => window.fixture.see('visible'))
    await expect(banner).toContainText('The page was out of sight for a while')
  })
})

test('L11: a computer with a mouse has no such banner', async ({ page }) => {
  await open(page)
  await join(page)
  await steps(page, 5)
  await expect(page.getByText('Serving layers 4–7 of Ember')).toBeVisible()
  await expect(page.getByText('Keep this page in sight.')).toHaveCount(0)
})

test('L12: privacy is told in both directions, with what middle layers reveal, and never called anonymous', async ({ page }) => {
  await open(page)
  const words = await page.getByRole('region', { name: 'Who sees what' }).innerText()
  expect(words).toContain('no code of other people runs here')
  expect(words).toContain('other devices of a ring could read yours')
  expect(words).toContain('the words can be computed from them')
  for (const path of ['/contribute', '/', '/cluster']) {
    await page.goto(server.url + path)
    expect((await page.locator('ringlet-app main').innerText()).toLowerCase()).not.toContain('anonym')
  }
})

const TROUBLES: readonly (readonly [string, ErrorCode, string, RegExp])[] = [
  ['16, memory', 'not_enough_memory', 'the device has no 300 MiB to build weights in', /no 300 MiB to build weights in\. Lend less memory/],
  [
    '18, the host',
    'source_unavailable',
    'model.safetensors of hub.example could not be read: status 500',
    /hub\.example could not be read: status 500\. What has come is kept/,
  ],
  ['18, wrong bytes', 'bad_checkpoint', 'its bytes are not those that the host names (SHA-256)', /SHA-256\)\. Nothing of it was kept/],
  ['no shader-f16', 'unsupported_backend', 'WebGPU without 16-bit floats cannot hold f16', /cannot hold f16\. Choose another way to compute/],
]
test('L15: each failure of a device is a sentence with the next step', async ({ page }) => {
  await open(page)
  await join(page)
  await steps(page, 2)
  const [shard] = await engineOf(page, (engine) => engine.device().shards)
  if (!shard) throw new Error('nothing loads')
  for (const [fault, code, message, words] of TROUBLES) {
    await become(page, { shards: [{ ...shard, state: 'failed', phase: 'failed', error: { code, message } }] })
    await expect(page.locator('lend-status'), fault).toContainText(words)
  }
  for (const [fault, notice] of [
    ['15', 'The browser lost the graphics processor. It was opened again, with the weights that this browser keeps.'],
    [
      '17',
      'The browser gives no more room: what is downloaded from now on is kept in memory and fetched again next time. Remove a model to make room.',
    ],
  ] as const) {
    await become(page, { notice })
    await expect(page.locator('lend-status').getByRole('status').filter({ hasText: notice }), fault).toBeVisible()
  }
  await become(page, { lending: 'failed', error: { code: 'unsupported_backend', message: 'this device computes right with none of its backends' } })
  await expect(page.getByRole('alert').filter({ hasText: 'This device cannot compute that way.' })).toBeVisible()
})
