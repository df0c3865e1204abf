/** The cluster page of a real server with many devices. Tests are named after the rows of the product's requirements for running a cluster. */
import { expect, test } from '@playwright/test'
import { joinAsDevice } from '../harness/light-device.ts'
import { clusterOf, startLiveCluster } from './live-cluster.ts'

const MOST = 16

test('O3: the round trips of sixteen devices are complete, in the page as in JSON; of a seventeenth the page says that it is left out', async ({
  page,
}) => {
  test.setTimeout(90_000)
  const cluster = await startLiveCluster(['--no-local-device'])
  const { url } = cluster.server
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
  const devices = await Promise.all(Array.from({ length: MOST }, (_, index) => joinAsDevice(url, `device-${index}`)))
  try {
    await page.goto(`${url}/cluster`)
    const table = page.getByRole('region', { name: 'Round trips', exact: true }).getByRole('table')
    await expect(table.getByRole('row')).toHaveCount(MOST + 1)
    const measured = table.getByRole('cell').filter({ hasText: /^\s*[\d.]+ m?s relayed\s+(now|\d+ s ago)\s*$/ })
    await expect(measured).toHaveCount(MOST * (MOST - 1), { timeout: 30_000 })
    const linksOf = async (): Promise<readonly number[]> =>
      (await clusterOf(url)).peers.filter(({ role }) => role === 'device').map(({ links }) => links.filter(({ rttMs }) => rttMs !== null).length)
    await expect.poll(linksOf).toEqual(devices.map(() => MOST - 1))

    devices.push(await joinAsDevice(url, 'device-too-many'))
    await expect(page.getByText(`1 more are left out: beyond ${MOST} devices only neighbours in a ring measure each other.`)).toBeVisible()
    await expect(table.getByRole('row')).toHaveCount(MOST + 1)
  } finally {
    // The page goes first: it would complain of a server that is gone.
    await page.close()
    for (const device of devices) device.close()
    await cluster.close()
  }
})
