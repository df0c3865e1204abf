import { readFile } from 'node:fs/promises'
import { expect, test } from '@playwright/test'
import { startPageServer, type PageServer } from './page-server.ts'

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

for (const width of [1280, 360])
  test(`keys at ${width}: listed, made and shown once, invited by a link and a code`, async ({ page }, info) => {
    page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
    await page.setViewportSize({ width, height: 900 })
    await page.goto(`${server.url}/keys`)
    await expect(page.getByText('inference · 60 requests a minute · 20,000 tokens a minute · until')).toBeVisible()
    // Names are text, whoever wrote them.
    await expect(page.getByText('<img src=x onerror=alert(1)>')).toBeVisible()
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0)
    await page.screenshot({ path: info.outputPath('keys.png'), fullPage: true })

    const key = page.locator('key-form[kind=key]')
    await key.getByLabel('Name').fill('editor')
    const posted = page.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/v1/keys'))
    await key.getByRole('button', { name: 'Make the key' }).click()
    expect((await posted).postDataJSON()).toEqual({
      name: 'editor',
      expires: 'never',
      scopes: ['inference'],
      limits: { requestsPerMinute: null, tokensPerMinute: null },
    })
    await expect(page.getByText('rk_the-secret-of-this-key')).toBeVisible()

    const invite = page.locator('key-form[kind=invite]')
    await invite.getByLabel('Name').fill('Mum')
    await invite.getByRole('button', { name: 'Make the link' }).click()
    await expect(page.getByText(`${server.url}/contribute?token=rj_x`)).toBeVisible()
    await expect(page.getByRole('img', { name: 'QR code of the join link' })).toBeVisible()
    await expect(page.getByText('rk_the-secret-of-this-key')).toHaveCount(0)
    const revoked = page.waitForRequest((request) => request.method() === 'DELETE')
    await page.getByRole('button', { name: 'Revoke owner' }).click()
    expect((await revoked).url()).toContain('/v1/keys/')
    await page.screenshot({ path: info.outputPath('keys-invited.png'), fullPage: true })
  })

test('a trace is read and saved as a file with the key that the page has: a link would carry none', async ({ page }) => {
  const trace = {
    ...{ id: 'chatcmpl-1', requestId: 'r-1', model: 'ember', startedAt: '2030-01-01T00:00:00.000Z', state: 'done' },
    ...{ promptTokens: 3, tokens: 2, totalMs: 40, error: null, choices: [{ events: [], dropped: 0 }] },
  }
  const keys: (string | undefined)[] = []
  await page.route('**/v1/cluster/traces**', async (route) => {
    keys.push(route.request().headers()['authorization'])
    await route.fulfill({ json: route.request().url().endsWith('/traces') ? { traces: [trace] } : trace })
  })
  await page.goto(`${server.url}/cluster?token=rk_mine`)
  await page.getByRole('button', { name: 'chatcmpl-1' }).click()
  const saving = page.waitForEvent('download')
  await page.getByRole('button', { name: 'All of it as JSON' }).click()
  const download = await saving
  expect(download.suggestedFilename()).toBe('chatcmpl-1.json')
  expect(JSON.parse(await readFile(await download.path(), 'utf8'))).toEqual(trace)
  expect(keys).toEqual(['Bearer rk_mine', 'Bearer rk_mine', 'Bearer rk_mine'])
})
