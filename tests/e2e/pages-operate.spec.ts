/** Lending and the cluster over a played ring, and what holds on every page. */
import { expect, test } from '@playwright/test'
import { startPageServer, type PageServer } from './page-server.ts'
import { expectSound, onBothScreens, open } from './played-page.ts'

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

onBothScreens((shoot) => {
  test('contribute: found, then every phase from joining to serving', async ({ page }) => {
    await open(page, server, '/contribute')
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
      threads: 0,
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
      await open(page, server, `/cluster?scenario=${scenario}`)
      await expect(page.getByRole('table', { name: 'Devices and peers' })).toBeVisible()
      await expect(page.getByRole('img', { name: 'QR code of the join link' })).toBeVisible()
      if (scenario === 'ready') await expect(page.getByText('f16, 12 matrices exact, 16 requantized, largest error 0.041 %').first()).toBeVisible()
      if (scenario === 'relayed') await expect(page.getByRole('cell', { name: '48 ms relayed to Pixel 8' })).toBeVisible()
      await expectSound(page)
      await shoot(page, `cluster-${scenario}`)
    })
  }
})

test.describe('dark', () => {
  test.use({ colorScheme: 'dark', viewport: { width: 1280, height: 860 } })
  for (const path of ['/', '/contribute', '/cluster', '/models'] as const) {
    test(`${path} in the dark`, async ({ page }) => {
      await open(page, server, path === '/models' ? '/models?scenario=models' : path)
      await expectSound(page)
      await page.screenshot({ path: `test-results/shots/dark-${path.slice(1) || 'chat'}.png`, fullPage: true })
    })
  }
})

test('a join link with auto=1 joins by itself with what it asks for', async ({ page }) => {
  await open(page, server, '/contribute?auto=1&name=Hall%20tablet&backend=simd&threads=2&memory=512&weights=f32')
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
  await open(page, server, '/contribute')
  const words = await page.getByRole('region', { name: 'Who sees what' }).innerText()
  expect(words).toContain('no code of other people runs here')
  expect(words).toContain('other devices of a ring could read yours')
  expect(words.toLowerCase()).not.toContain('anonym')
})

test('a refused join and a lost connection are told on every page', async ({ page }) => {
  await open(page, server, '/cluster?scenario=refused')
  await expect(page.getByRole('alert').filter({ hasText: 'This cluster wants an invitation.' })).toBeVisible()
  await page.goto(`${server.url}/?scenario=offline`)
  await expect(page.getByRole('status').filter({ hasText: 'Not connected to the cluster: the server does not answer.' })).toBeVisible()
})

test('the join link carries the invitation of this page', async ({ page }) => {
  await open(page, server, '/?token=s3cret')
  await page.getByRole('link', { name: 'Cluster' }).click()
  await expect(page.getByText(`${server.url}/contribute?token=s3cret`)).toBeVisible()
})

test('what peers say of themselves is text, never markup', async ({ page }) => {
  for (const path of ['/', '/cluster', '/contribute', '/models']) {
    await open(page, server, `${path}?scenario=hostile`)
    await expectSound(page)
    expect(await page.evaluate(() => 'owned' in window), path).toBe(false)
  }
  await page.goto(`${server.url}/cluster?scenario=hostile`)
  await expect(page.getByText('<img src=x onerror="window.owned=1">').first()).toBeVisible()
})
