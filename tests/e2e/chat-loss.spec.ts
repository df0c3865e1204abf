/** experience.md C17 and C19 with foreign devices: two tabs hold the model; one is lost in mid-answer, then the server. */
import { expect, test } from '@playwright/test'
import { peerOf } from '../harness/page-app.ts'
import { drive, LONG_WINDED, sample } from './chat-cluster.ts'
import { clusterOf, startLiveCluster, type LiveCluster } from './live-cluster.ts'

const STORY = 'Write a short story.'

let cluster: LiveCluster
test.beforeAll(async () => {
  test.setTimeout(120_000)
  cluster = await startLiveCluster(['--no-local-device'])
})
test.afterAll(() => cluster.close())

test('C17, C19: names who could read, the device that is lost and what happens next; without any server the devices answer', async ({
  browser,
  page,
}) => {
  test.setTimeout(120_000)
  const tabs = [await cluster.openDevice(browser, { name: 'Kitchen laptop' }), await cluster.openDevice(browser, { name: 'Old desktop' })]
  await cluster.place(2)
  await cluster.wish({ minDevices: 1, maxDevices: 2 })
  await cluster.placed(2)
  const { url } = cluster.server
  const chat = drive(page, url)
  await chat.open(LONG_WINDED)
  await expect(page.getByText(/Could read this chat: (Kitchen laptop, Old desktop|Old desktop, Kitchen laptop) and the server\./)).toBeVisible()

  await chat.begin(STORY)
  const tailId = (await clusterOf(url)).placements[0]?.shards.at(-1)?.peerId
  const ids = await Promise.all(tabs.map(peerOf))
  const lost = ids.findIndex((id) => id === tailId)
  await tabs[lost]?.close()
  const name = lost === 0 ? 'Kitchen laptop' : 'Old desktop'
  await expect(page.getByRole('status').filter({ hasText: `${name} left. ` })).toBeVisible()
  await chat.whole()
  expect((await chat.chat()).messages.at(-1)?.finish).toMatch(/^(stop|length)$/)
  await expect(page.getByRole('status').filter({ hasText: `${name} left. The other devices took over.` })).toBeVisible()

  await cluster.placed(1)
  expect(await chat.ask(sample(1).question)).not.toBe('')
  await cluster.server.close()
  await expect(page.getByRole('status').filter({ hasText: 'Not connected to the cluster' })).toBeVisible()
  await page.getByRole('button', { name: 'New chat' }).first().click()
  await page.getByRole('button', { name: 'Settings of this chat' }).click()
  await page.getByLabel('Frequency').fill('')
  await page.getByLabel('Longest answer').fill('')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  expect(await chat.ask(sample(1).question)).toBe(sample(1).answer)
  await expect(page.getByText(`Could read this chat: ${lost === 0 ? 'Old desktop' : 'Kitchen laptop'}.`)).toBeVisible()
})
