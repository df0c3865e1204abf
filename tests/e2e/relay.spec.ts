/** Where UDP is blocked the ring goes by the signal server, says so, and answers the same. */
import { expect, test } from '@playwright/test'
import { equalSamples, expectRing, startLiveCluster } from './live-cluster.ts'

// Chromium renamed the switch; both spellings, so that the test means the same in every version.
const NO_UDP = ['--webrtc-ip-handling-policy=disable_non_proxied_udp', '--force-webrtc-ip-handling-policy=disable_non_proxied_udp']

test('3: three tabs without UDP form a ring by relay and give all 30 answers', async ({ playwright, launchOptions }) => {
  test.setTimeout(240_000)
  const browser = await playwright.chromium.launch({ ...launchOptions, args: [...(launchOptions.args ?? []), ...NO_UDP] })
  const cluster = await startLiveCluster(['--no-local-device', '--devices', '3'])
  try {
    for (let i = 0; i < 3; i++) await cluster.openDevice(browser)
    await cluster.placed(3)
    await expectRing(cluster.server.url, 'relay')
    expect(await equalSamples(cluster.server.url)).toEqual({ equal: 30, different: [] })
  } finally {
    await cluster.close()
    await browser.close()
  }
})
