/** Debian's Firefox, which Playwright cannot drive: over WebDriver BiDi. Its pages open, and its processor lends. */
import { existsSync } from 'node:fs'
import { expect, test } from '@playwright/test'
import { launch, type Browser, type Page } from 'puppeteer-core'
import { chat, SAMPLES, startLiveCluster, type LiveCluster } from './live-cluster.ts'

const FIREFOX = [process.env['FIREFOX_PATH'] ?? '', '/usr/bin/firefox-esr', '/usr/bin/firefox'].find((file) => file !== '' && existsSync(file))
const SHORTEST = SAMPLES.toSorted((a, b) => a.generated_ids.length - b.generated_ids.length)[0]

test.skip(FIREFOX === undefined, 'there is no Firefox on this machine')
test.describe.configure({ mode: 'serial', timeout: 120_000 })

/** What stands in the page, in elements within elements too. Waiting for selectors would evaluate strings, which the pages forbid. */
const wordsOf = (page: Page, selector: string): Promise<string> =>
  page.evaluate((wanted) => {
    const find = (root: Document | ShadowRoot): Element | null => {
      for (const element of root.querySelectorAll('*')) {
        if (element.matches(wanted)) return element
        const inside = element.shadowRoot && find(element.shadowRoot)
        if (inside) return inside
      }
      return null
    }
    const found = find(document)
    return `${found?.textContent ?? ''}${found?.shadowRoot?.textContent ?? ''}`
  }, selector)

let cluster: LiveCluster
let browser: Browser
test.beforeAll(async () => {
  cluster = await startLiveCluster(['--no-local-device'])
  browser = await launch({ browser: 'firefox', executablePath: FIREFOX ?? '', headless: true })
})
test.afterAll(async () => {
  await browser.close()
  await cluster.close()
})

test('Firefox: every page opens, without an error', async () => {
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  for (const [path, title] of [
    ['/', 'Chat'],
    ['/contribute', 'Lend this device'],
    ['/cluster', 'Cluster'],
    ['/models', 'Models'],
    ['/keys', 'Keys and invitations'],
    ['/start', 'First steps'],
  ] as const) {
    await page.goto(cluster.server.url + path)
    await expect.poll(() => wordsOf(page, 'h1')).not.toBe('')
    // The document says what the page is before its code does.
    await expect.poll(() => page.title(), path).toBe(`${title} · Ringlet`)
    expect(await page.evaluate(() => crossOriginIsolated), path).toBe(true)
  }
  expect(errors).toEqual([])
  await page.close()
})

test('Firefox: the processor lends, answers as it should, and offers no limit that the browser cannot keep', async () => {
  if (!SHORTEST) throw new Error('no sample')
  const page = await browser.newPage()
  await page.goto(`${cluster.server.url}/contribute?auto=1&name=Firefox&backend=simd&threads=1&memory=512`)
  await cluster.placed(1)
  expect((await chat(cluster.server.url, SHORTEST.messages)).text).toBe(SHORTEST.text)
  await expect.poll(() => wordsOf(page, 'limits-card')).toContain('This browser tells pages nothing of battery')
  expect(await wordsOf(page, 'limits-card')).not.toContain('Spare the battery')
  await page.close()
})
