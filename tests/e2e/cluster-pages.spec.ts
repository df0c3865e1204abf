/** What an operator sees and does, over a played cluster. Tests are named after the rows of the product's requirements for running a cluster. */
import { expect, test, type Page } from '@playwright/test'
import { startPageServer, type PageServer } from './page-server.ts'

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

async function open(page: Page, scenario = 'ready'): Promise<void> {
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
  page.on('console', (message) => expect.soft(message.type(), message.text()).not.toBe('error'))
  await page.goto(`${server.url}/cluster?scenario=${scenario}`)
  await expect(page.getByRole('heading', { name: 'The cluster' })).toBeVisible()
}
const sent = (page: Page, method: string, path: string) =>
  page.waitForRequest((request) => request.method() === method && new URL(request.url()).pathname === path)

test('O1: the picture shows direction, distance and path of each link, and answers on their way', async ({ page }) => {
  await open(page)
  const picture = page.locator('ring-topology')
  await expect(picture.locator('path.hop')).toHaveCount(3)
  await expect(picture.locator('path.hop.near')).toHaveCount(3)
  await expect(picture.locator('path.hop[marker-end]')).toHaveCount(3)
  await expect(picture.locator('circle.frame')).toHaveCount(0)
  await page.evaluate(() => window.fixture.answering(2))
  await expect(picture.locator('circle.frame')).toHaveCount(3)
  await page.evaluate(() => window.fixture.answering(0))
  await expect(picture.locator('circle.frame')).toHaveCount(0)
  await open(page, 'relayed')
  await expect(picture.locator('path.hop.relay')).toHaveCount(1)
  await expect(page.getByRole('cell', { name: '48 ms relayed to Pixel 8' })).toBeVisible()
})

test('O2: the block map says who serves which layers, and whether the model is healthy', async ({ page }) => {
  await open(page)
  const rows = page.getByRole('list', { name: 'Layers by device' }).getByRole('listitem')
  await expect(rows).toHaveCount(4)
  await expect(rows.nth(0)).toContainText('Kitchen laptop')
  await expect(rows.nth(0)).toContainText('layers 0–3 online')
  await expect(rows.nth(3)).toContainText('Old tablet')
  await expect(rows.nth(3)).toContainText('spare')
  await expect(page.getByText('Healthy: each layer is online.')).toBeVisible()
  await open(page, 'pair')
  await expect(page.getByText('3 layers of 8 are not online, so the model does not answer.')).toBeVisible()
})

test('O3: round trips of all devices stand in a table, each with its path and its age, which grows', async ({ page }) => {
  await open(page)
  const table = page.getByRole('region', { name: 'Round trips', exact: true }).getByRole('table')
  await expect(table.getByRole('row')).toHaveCount(5)
  await expect(table.getByRole('row', { name: /^Kitchen laptop/ })).toContainText(/4\.4 ms\s+now/)
  await expect(table.getByRole('row', { name: /^Kitchen laptop/ })).toContainText(/[2-9] s ago/)
  await expect(table.getByRole('row', { name: /^Old tablet/ })).toContainText('no link')
})

test('O5: predicted stands beside observed for each stage and hop, and a preview shows the ring with and without a device', async ({ page }) => {
  await open(page)
  const stages = page.getByRole('region', { name: 'Predicted and observed by device' })
  await expect(stages.getByRole('columnheader')).toHaveText(['Device', 'Holds', 'A layer', 'Predicted', 'Observed', 'Hop'])
  const row = stages.getByRole('row', { name: /^Kitchen laptop/ })
  await expect(row).toContainText('layers 0–3')
  await expect(row).toContainText('2.2 ms')
  const card = page.locator('preview-card')
  await card.getByLabel('Device').selectOption('Studio Mac')
  await card.getByRole('button', { name: 'With and without it' }).click()
  await expect(card.getByRole('heading', { name: 'With Studio Mac' })).toBeVisible()
  await expect(card.getByText('About 12 ms a lap.')).toBeVisible()
  await expect(card.getByText('About 20 ms a lap.')).toBeVisible()
  await expect(card.getByText('Studio Mac: layers 4–5')).toHaveCount(1)
})

test('O9: what happens is told in sentences as it happens', async ({ page }) => {
  await open(page)
  const log = page.getByRole('region', { name: 'What happened' })
  await expect(log).toContainText('Nothing since this page was opened.')
  await page.evaluate(() => window.fixture.lose('studio'))
  await expect(log.getByRole('listitem')).toHaveText([/The ring of Ember is broken; it forms again\./, /Studio Mac left\./])
})

test('O10: a placement is moved, stopped and dropped from the page, and a single device is paused', async ({ page }) => {
  await open(page)
  const form = page.getByRole('form', { name: 'Place Ember anew' })
  await form.getByLabel('Shared out').selectOption('One answer fastest')
  await form.getByLabel('At most').fill('2')
  const placed = sent(page, 'POST', '/v1/cluster/placements')
  await form.getByRole('button', { name: 'Move' }).click()
  expect((await placed).postDataJSON()).toEqual({ model: 'ember', strategy: 'latency', maxDevices: 2 })
  const stopped = sent(page, 'PATCH', '/v1/cluster/placements/ember')
  await page.getByRole('button', { name: 'Stop Ember' }).click()
  expect((await stopped).postDataJSON()).toEqual({ state: 'paused' })
  const dropped = sent(page, 'DELETE', '/v1/cluster/placements/ember')
  await page.getByRole('button', { name: 'Drop Ember' }).click()
  await dropped
  const paused = sent(page, 'PATCH', '/v1/cluster/devices/studio')
  await page.getByRole('button', { name: 'Pause Studio Mac' }).click()
  expect((await paused).postDataJSON()).toEqual({ state: 'paused' })
})

test('O11: a device is let in by a click, and removed only after a second word', async ({ page }) => {
  await open(page)
  const approved = sent(page, 'PATCH', '/v1/cluster/devices/tab-guest')
  await page.getByRole('button', { name: 'Let Guest phone in' }).click()
  expect((await approved).postDataJSON()).toEqual({ state: 'approved' })
  await page.getByRole('button', { name: 'Remove Studio Mac' }).click()
  await expect(page.getByRole('alert').filter({ hasText: 'Remove Studio Mac?' })).toBeVisible()
  await page.getByRole('button', { name: 'Keep it' }).click()
  await page.getByRole('button', { name: 'Remove Studio Mac' }).click()
  const removed = sent(page, 'DELETE', '/v1/cluster/devices/studio')
  await page.getByRole('button', { name: 'Remove it' }).click()
  await removed
})

test('first run: the steps lead from this machine to a second device to a bigger model, and tick themselves off', async ({ page }) => {
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
  await page.goto(`${server.url}/start?scenario=empty`)
  const steps = page.locator('start-page li')
  await expect(steps).toHaveText([/1.*This machine answers/s, /2.*This device lends/s, /3.*A second device joins/s, /4.*A bigger model/s])
  await expect(page.locator('start-page li[aria-current=step]')).toContainText('This machine answers')
  await page.goto(`${server.url}/start?scenario=single`)
  await expect(steps.nth(0)).toContainText('(done)')
  await expect(page.locator('start-page li[aria-current=step]')).toContainText('This device lends its GPU')
  await expect(page.getByRole('link', { name: 'Lend this device' })).toHaveAttribute('href', '/contribute')
  await page.goto(`${server.url}/start?scenario=ready`)
  await expect(page.locator('start-page li.done')).toHaveCount(3)
  await expect(page.getByRole('img', { name: 'QR code of the join link' })).toBeVisible()
  await expect(page.getByRole('link', { name: 'Choose a model' })).toHaveAttribute('href', '/models')
  // What was so and is not any more takes its tick along.
  for (const id of ['laptop', 'studio', 'phone', 'tablet']) await page.evaluate((peer) => window.fixture.lose(peer), id)
  await expect(page.locator('start-page li.done')).toHaveCount(0)
})
