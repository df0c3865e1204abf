/** Lending, the cluster and the first steps: scenes whose pictures are kept, and further states that are only looked at by rules. */
import type { Page } from 'playwright-core'
import type { Scene } from './scene.ts'

const join = (page: Page): Promise<void> => page.getByRole('button', { name: 'Join the ring' }).click()
async function lent(page: Page, steps: number): Promise<void> {
  await join(page)
  for (let i = 0; i < steps; i++) await page.evaluate(() => window.fixture.advance())
}

const SCENES: readonly Scene[] = [
  { name: 'contribute-before', path: '/contribute', play: (page) => page.getByText('This device can hold layers').waitFor() },
  {
    name: 'contribute-download',
    path: '/contribute',
    play: async (page) => {
      await lent(page, 2)
      await page.getByRole('list', { name: 'Files' }).waitFor()
    },
  },
  {
    name: 'contribute-serving',
    path: '/contribute',
    play: async (page) => {
      await lent(page, 5)
      for (const tokensPerSecond of [12, 30, 44, 38, 41.7]) {
        await page.evaluate(
          (speed) =>
            window.fixture.become({
              work: {
                tokens: 1204,
                requests: 9,
                bytesIn: 5.3e6,
                bytesOut: 5.1e6,
                tokensPerSecond: speed,
                bytesInPerSecond: 86_000,
                bytesOutPerSecond: 81_000,
              },
            }),
          tokensPerSecond,
        )
        // A frame is drawn for each of them.
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
      }
    },
  },
  {
    name: 'cluster-ready',
    path: '/cluster?scenario=ready',
    play: async (page) => {
      await page.evaluate(() => window.fixture.answering(2))
      await page.locator('preview-card').getByRole('button', { name: 'With and without it' }).click()
      await page.getByRole('heading', { name: 'Without Kitchen laptop' }).waitFor()
      await page.getByText('Guest phone').waitFor()
      await page.evaluate(() => scrollTo(0, 0))
    },
  },
  { name: 'cluster-empty', path: '/cluster?scenario=empty', play: (page) => page.getByText('No ring yet').waitFor() },
  {
    name: 'models',
    path: '/models?scenario=models',
    play: (page) => page.getByRole('region', { name: 'Kept in this browser' }).getByText('org/other-model').waitFor(),
  },
  { name: 'keys', path: '/keys', play: (page) => page.getByText('editor on my laptop').waitFor() },
  { name: 'start', path: '/start?scenario=ready', play: (page) => page.getByRole('img', { name: 'QR code of the join link' }).waitFor() },
]

export const OPERATE_SCENES: readonly Scene[] = SCENES.map((scene) => ({ ...scene, isTall: true }))

export const OPERATE_STATES: readonly Scene[] = [
  {
    name: 'contribute-leaving',
    path: '/contribute',
    play: async (page) => {
      await lent(page, 5)
      await page.evaluate(() => window.fixture.become({ lending: 'leaving' }))
      await page.getByText('Handing over…').waitFor()
    },
  },
  {
    name: 'contribute-failed',
    path: '/contribute',
    play: async (page) => {
      await join(page)
      await page.evaluate(() =>
        window.fixture.become({
          lending: 'failed',
          error: { code: 'unsupported_backend', message: 'this device computes right with none of its backends' },
        }),
      )
      await page.getByRole('alert').filter({ hasText: 'This device cannot compute that way.' }).waitFor()
    },
  },
  {
    name: 'cluster-remove',
    path: '/cluster?scenario=relayed',
    play: async (page) => {
      await page.evaluate(() => window.fixture.lose('phone'))
      await page.getByRole('button', { name: 'Remove Studio Mac' }).click()
      await page.getByRole('alert').filter({ hasText: 'Remove Studio Mac?' }).waitFor()
    },
  },
  { name: 'start-empty', path: '/start?scenario=empty', play: (page) => page.getByText('is being made ready').waitFor() },
]
