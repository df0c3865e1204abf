/** A page that lends, and what its browser does to it: hidden, frozen, reloaded, its GPU lost, its memory short. */
import { expect, test, type Browser, type Page } from '@playwright/test'
import type { LendOptions } from '../../web/engine/page-engine.ts'
import type { RingletApp } from '../../web/ui/app/ringlet-app.ts'
import { appOf, engineOf, peerOf } from '../harness/page-app.ts'
import { chat, clusterOf, SAMPLES, startLiveCluster, type LiveCluster } from './live-cluster.ts'

const MIB = 2 ** 20
const QUESTION = SAMPLES.toSorted((a, b) => a.generated_ids.length - b.generated_ids.length)[0]

test.describe.configure({ timeout: 180_000 })

async function withCluster(args: readonly string[], work: (cluster: LiveCluster) => Promise<void>): Promise<void> {
  const cluster = await startLiveCluster(['--no-local-device', ...args])
  try {
    await work(cluster)
  } finally {
    await cluster.close()
  }
}

const deviceOf = (page: Page) => engineOf(page, (engine) => engine.device())
const peerIn = async (url: string, id: string) => (await clusterOf(url)).peers.find((peer) => peer.id === id)
const lend = (page: Page, options: LendOptions): Promise<void> =>
  appOf(page).evaluate((app: RingletApp, wanted) => app.engine?.lend(wanted) ?? Promise.reject(new Error('no engine')), options)

/** A page that does not lend yet, with `script` run in its engine. */
async function openWith(browser: Browser, url: string, script: () => void): Promise<Page> {
  const page = await (await browser.newContext()).newPage()
  await page.goto(`${url}/contribute`)
  await expect.poll(() => peerOf(page)).not.toBe('')
  const engine = page.workers().find((worker) => worker.url().includes('engine'))
  if (!engine) throw new Error('the page has no engine worker')
  await engine.evaluate(script)
  return page
}

async function expectAnswer(url: string): Promise<void> {
  if (!QUESTION) throw new Error('no sample')
  expect((await chat(url, QUESTION.messages)).text).toBe(QUESTION.text)
}

test('40: a lending page holds a Web Lock, and says when it is hidden; it lets go when it leaves', async ({ browser }) => {
  await withCluster(['--devices', '1'], async (cluster) => {
    const { url } = cluster.server
    const page = await cluster.openDevice(browser)
    await cluster.placed(1)
    const id = await peerOf(page)
    const locks = (): Promise<readonly string[]> =>
      page.evaluate(async () =>
        ((await navigator.locks.query()).held ?? []).flatMap(({ name }) => name ?? []).filter((name) => name === 'ringlet-serving'),
      )
    await expect.poll(locks).toEqual(['ringlet-serving'])
    expect(await peerIn(url, id)).toMatchObject({ visibility: 'visible' })
    // A headless browser hides no page.
    await page.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    })
    await expect.poll(async () => peerIn(url, id)).toMatchObject({ visibility: 'hidden' })
    await expect(page.getByText(/this tab is hidden/i)).toBeVisible()
    await expectAnswer(url)
    await page.getByRole('button', { name: 'Leave' }).click()
    await expect.poll(locks).toEqual([])
  })
})

test('39: a page that is frozen leaves at once, and is back as itself when it goes on, with nothing loaded twice', async ({ browser }) => {
  await withCluster(['--devices', '1'], async (cluster) => {
    const { url } = cluster.server
    const page = await cluster.openDevice(browser)
    await cluster.placed(1)
    const id = await peerOf(page)
    const bytes = cluster.modelBytes.length
    // A headless browser freezes no page, not even by Page.setWebLifecycleState: the events alone.
    const tell = (event: 'freeze' | 'resume'): Promise<boolean> => page.evaluate((name) => document.dispatchEvent(new Event(name)), event)
    await tell('freeze')
    await expect.poll(async () => (await clusterOf(url)).peers.some((peer) => peer.id === id)).toBe(false)
    await tell('resume')
    await cluster.placed(1)
    expect(await peerOf(page)).toBe(id)
    await expectAnswer(url)
    expect(cluster.modelBytes.slice(bytes).filter(({ file }) => file.endsWith('.safetensors'))).toEqual([])
  })
})

test('41: a page that navigates away and back is a full reload, and returns as itself', async ({ browser }) => {
  await withCluster(['--devices', '1'], async (cluster) => {
    const { url } = cluster.server
    const page = await cluster.openDevice(browser)
    await cluster.placed(1)
    const id = await peerOf(page)
    await page.goto('about:blank')
    await expect.poll(async () => (await clusterOf(url)).peers.some((peer) => peer.id === id)).toBe(false)
    await page.goBack()
    await cluster.placed(1)
    expect(await peerOf(page)).toBe(id)
    await expectAnswer(url)
  })
})

test('12: a duplicated tab is another peer, and both serve', async ({ browser }) => {
  await withCluster(['--devices', '2'], async (cluster) => {
    const page = await cluster.openDevice(browser)
    await expect.poll(() => peerOf(page)).not.toBe('')
    const opening = page.context().waitForEvent('page')
    // A tab that is opened by another begins with a copy of its session storage, as a duplicated one does.
    await page.evaluate(() => void open(location.href))
    const copy = await opening
    await cluster.placed(2)
    expect(await peerOf(copy)).not.toBe(await peerOf(page))
    await expectAnswer(cluster.server.url)
  })
})

test('12: a second tab of the browser offers to take over; the button moves the lending there, and nothing is loaded twice', async ({ browser }) => {
  await withCluster(['--devices', '1'], async (cluster) => {
    const { url } = cluster.server
    const first = await cluster.openDevice(browser)
    await cluster.placed(1)
    const second = await first.context().newPage()
    await second.goto(`${url}/contribute`)
    const button = second.getByRole('button', { name: 'Take over' })
    await expect(button).toBeVisible()
    const read = cluster.modelBytes.length
    await button.click()
    await expect.poll(async () => (await deviceOf(second)).lending).toBe('on')
    await expect.poll(async () => (await deviceOf(first)).lending).toBe('off')
    await expect(button).toBeHidden()
    const id = await peerOf(second)
    await expect.poll(async () => (await clusterOf(url)).placements[0]?.shards.map(({ peerId }) => peerId)).toEqual([id])
    await cluster.placed(1)
    await expectAnswer(url)
    expect(cluster.modelBytes.slice(read).filter(({ file }) => file.endsWith('.safetensors'))).toEqual([])
  })
})

test('15: a lost GPU is opened once more from what the browser keeps; lost again, the device goes on with its CPU', async ({ browser }) => {
  await withCluster(['--devices', '1'], async (cluster) => {
    const { url } = cluster.server
    const page = await openWith(browser, url, () => {
      const native: unknown = Reflect.get(GPUAdapter.prototype, 'requestDevice')
      if (typeof native !== 'function') throw new Error('the engine has no WebGPU')
      const watched = new Proxy(native, {
        apply: async (open, adapter, args) => {
          const device: unknown = await Reflect.apply(open, adapter, args)
          Reflect.set(globalThis, 'openedDevice', device)
          return device
        },
      })
      Reflect.set(GPUAdapter.prototype, 'requestDevice', watched)
    })
    const destroy = (): Promise<void> | undefined =>
      page
        .workers()
        .find((worker) => worker.url().includes('engine'))
        ?.evaluate(() => {
          const device: unknown = Reflect.get(globalThis, 'openedDevice')
          if (device instanceof GPUDevice) device.destroy()
        })
    const backend = async (): Promise<string | undefined> => (await deviceOf(page)).capabilities?.backend
    await lend(page, { name: 'GPU', backend: 'webgpu', weightFormat: 'f32', memoryBytes: 512 * MIB, threads: 1 })
    await cluster.placed(1)
    await expectAnswer(url)
    const read = cluster.modelBytes.length
    await destroy()
    await expect.poll(async () => (await deviceOf(page)).notice).toMatch(/opened again/)
    // The notice comes as the engine is opened, and the old ring still counts as placed: what the device can do is known only after.
    await expect.poll(backend).toBe('webgpu')
    await cluster.placed(1)
    await expectAnswer(url)
    await destroy()
    await expect.poll(backend).toBe('simd')
    await cluster.placed(1)
    await expectAnswer(url)
    expect((await deviceOf(page)).notice).toMatch(/processor/)
    expect(cluster.modelBytes.slice(read).filter(({ file }) => file.endsWith('.safetensors'))).toEqual([])
    await page.context().close()
  })
})

test('16: a device that runs out of memory while it loads offers less, and others take the rest', async ({ browser }) => {
  await withCluster(['--devices', '2'], async (cluster) => {
    const { url } = cluster.server
    const page = await openWith(browser, url, () => {
      const { Memory } = WebAssembly
      const most = (6 * 2 ** 20) / 65_536
      WebAssembly.Memory = class extends Memory {
        constructor(options: WebAssembly.MemoryDescriptor) {
          if (options.initial > most) throw new RangeError('WebAssembly.Memory(): could not allocate memory')
          super(options)
        }
      }
    })
    await lend(page, { name: 'Short', backend: 'simd', weightFormat: 'f32', memoryBytes: 512 * MIB, threads: 1 })
    await cluster.openDevice(browser, { backend: 'simd', weights: 'f32' })
    await expect.poll(async () => (await deviceOf(page)).notice, { timeout: 30_000 }).toMatch(/offers/)
    await expect.poll(async () => (await clusterOf(url)).placements[0]?.state, { timeout: 30_000 }).toBe('ready')
    await expectAnswer(url)
    const device = await deviceOf(page)
    expect(device.capabilities?.memoryBytes).toBeLessThan(512 * MIB)
    await expect(page.getByText(/now offers/)).toBeVisible()
    await page.context().close()
  })
})
