/** Other machines of the house: a certificate that a browser trusts once makes the whole page work at an address of the network; without, it says so and helps itself. */
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium, expect as baseExpect, test, type BrowserContext } from '@playwright/test'
import { lanAddresses } from '../../api-gateway/addresses.ts'
import { startLiveCluster, type LiveCluster } from './live-cluster.ts'

const expect = baseExpect.configure({ timeout: 20_000 })
const [lan] = lanAddresses('0.0.0.0')
test.skip(lan === undefined, 'this machine has no address beside its own')
test.describe.configure({ timeout: 120_000 })

/** Chromium that trusts what `ca` signs: as if its owner had installed it. */
async function trusting(
  ca: string,
  executablePath: string | undefined,
  args: readonly string[],
): Promise<{ readonly context: BrowserContext; readonly close: () => Promise<void> }> {
  const key = new X509Certificate(ca).publicKey.export({ type: 'spki', format: 'der' })
  const hash = createHash('sha256').update(key).digest('base64')
  const profile = mkdtempSync(path.join(tmpdir(), 'ringlet-trust-'))
  const context = await chromium.launchPersistentContext(profile, {
    ...(executablePath ? { executablePath } : {}),
    args: [...args, `--ignore-certificate-errors-spki-list=${hash}`],
  })
  return {
    context,
    close: async () => {
      await context.close()
      rmSync(profile, { recursive: true, force: true })
    },
  }
}

async function withCluster(args: readonly string[], work: (cluster: LiveCluster) => Promise<void>): Promise<void> {
  const cluster = await startLiveCluster(['--no-local-device', '--host', '0.0.0.0', '--mdns', 'off', ...args])
  try {
    await work(cluster)
  } finally {
    await cluster.close()
  }
}

test('--https: at a network address the page is secure and isolated, and lends; the code leads there by way of how to trust it', async ({
  browser,
  launchOptions,
}) => {
  await withCluster(['--https'], async ({ server }) => {
    const { addresses, trust, secure } = server.addresses()
    expect([addresses[0], secure]).toEqual([expect.stringMatching(/^https:\/\/\d+\.\d+\.\d+\.\d+:\d+$/), true])
    const plain = `http://${new URL(addresses[0] ?? '').host}`
    expect(trust).toBe(`${plain}/trust`)
    const ca = await (await fetch(`${plain}/ringlet-ca.crt`)).text()
    expect(ca).toContain('BEGIN CERTIFICATE')
    const asked = await fetch(`${plain}/cluster?token=x`, { redirect: 'manual' })
    expect([asked.status, asked.headers.get('location')]).toEqual([307, `${addresses[0]}/cluster?token=x`])

    // A device that does not trust it yet is shown how, for its own system first.
    const stranger = await (await browser.newContext()).newPage()
    await stranger.goto(`${trust}#${addresses[0]}/contribute?token=t`)
    await expect(stranger.getByRole('heading', { name: 'One step before this device can join' })).toBeVisible()
    await expect(stranger.locator('details[open] summary')).toHaveText(/Linux/)
    await expect(stranger.getByRole('link', { name: 'Go on' })).toHaveAttribute('href', `${addresses[0]}/contribute?token=t`)
    for (const name of ['iPhone and iPad', 'Android', 'Mac', 'Windows']) await expect(stranger.getByText(name, { exact: true })).toBeVisible()
    await stranger.context().close()

    const { context, close } = await trusting(ca, launchOptions.executablePath, launchOptions.args ?? [])
    const page = await context.newPage()
    await page.goto(`${trust}#${addresses[0]}/contribute?auto=1&name=Phone&backend=simd&threads=2&memory=512`)
    await page.waitForURL(`${addresses[0]}/contribute?**`)
    expect(await page.evaluate(() => [isSecureContext, crossOriginIsolated, 'gpu' in navigator, 'subtle' in crypto, 'locks' in navigator])).toEqual([
      true,
      true,
      true,
      true,
      true,
    ])
    await expect(page.getByText('Serving layers 0–7 of Ember')).toBeVisible()
    const [device] = [...server.view().peers.values()].filter(({ role }) => role === 'device')
    expect(device?.capabilities).toMatchObject({ backend: 'simd', threads: 2 })
    await page.getByRole('link', { name: 'Cluster' }).click()
    await expect(page.getByText(`${addresses[0]}/contribute`)).toBeVisible()
    await close()
  })
})

test('over plain http the page says what is missing and why, and lends with what is left', async ({ browser }) => {
  await withCluster([], async ({ server }) => {
    const { addresses, trust, secure } = server.addresses()
    expect([trust, secure]).toEqual([null, false])
    const page = await (await browser.newContext()).newPage()
    page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
    await page.goto(`${addresses[0]}/contribute?name=Guest&memory=512`)
    expect(await page.evaluate(() => [isSecureContext, crossOriginIsolated])).toEqual([false, false])
    await expect(page.getByText('This page came over plain http, where browsers allow neither GPU nor storage.')).toBeVisible()
    const found = page.getByRole('region', { name: 'What this device has' })
    await expect(found).toContainText('None: WebGPU needs a secure page (https or localhost)')
    await expect(found).toContainText('one only: the page is not isolated from other sites')
    await page.getByRole('button', { name: 'Join the ring' }).click()
    await expect(page.getByText('Serving layers 0–7 of Ember')).toBeVisible({ timeout: 60_000 })
    await page.context().close()
  })
})
