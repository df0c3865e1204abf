/** Devices without a person: tabs of one headless browser that share nothing, joined to a cluster. */
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Backend, WeightFormat } from '../protocol/cluster.ts'
import { openPlainBrowser, type PlainBrowser, type PlainTab } from './plain-browser.ts'

export type HeadlessOptions = {
  readonly count: number
  /** Base URL of the server, for example `http://127.0.0.1:8080`. */
  readonly url: string
  /** Browser to run; null = Playwright's own. */
  readonly executablePath?: string | null
  readonly backend?: Backend | 'auto'
  /** WASM threads of each device. Default 1: devices of one machine share its cores. */
  readonly threads?: number
  /** Format in which each device holds weights. Default: as placed. */
  readonly weights?: WeightFormat | 'auto'
  /** Runs in each page before its own scripts. */
  readonly initScript?: string
  /** Memory that each device lends, in MiB. Default: what the page suggests. */
  readonly memoryMiB?: number
  readonly joinToken?: string | null
  /** Chromium flags beside the usual ones. */
  readonly flags?: readonly string[]
  /** Lines for people: a page that crashed, and what became of it. */
  readonly say?: (line: string) => void
}

export type HeadlessDevices = {
  /** The tabs as they are now; one that crashed has been replaced. */
  readonly tabs: () => readonly PlainTab[]
  readonly browser: Pick<PlainBrowser, 'pid' | 'version' | 'isRunning' | 'onEnd'>
  /** May be called twice. */
  readonly close: () => Promise<void>
}

const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A software adapter (SwiftShader) where there is no GPU.
  '--enable-unsafe-webgpu',
  // Pages of one window hide each other, and Chromium slows hidden pages down.
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
]
/** Without a GPU Chromium's GPU process only fails and restarts; Linux shows by its device files whether there is one. */
const hasGpu = (): boolean => process.platform !== 'linux' || existsSync('/dev/dri/renderD128') || existsSync('/dev/nvidiactl')
/** Chromium flags for pages that are devices. */
export const deviceFlags = (): readonly string[] => [...FLAGS, ...(hasGpu() ? [] : ['--disable-gpu'])]
/** A page that crashes this often in a row is left alone: something is wrong that another restart does not mend. */
const MAX_RESTARTS = 3

function pageUrl(options: HeadlessOptions, index: number): string {
  const { backend = 'auto', threads = 1, weights = 'auto', memoryMiB, joinToken } = options
  const url = new URL('/contribute', options.url)
  const query = {
    auto: '1',
    name: `Device ${index + 1}`,
    backend,
    threads: String(threads),
    weights,
    ...(memoryMiB ? { memory: String(memoryMiB) } : {}),
    ...(joinToken ? { token: joinToken } : {}),
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return url.href
}

/** Opens the tab of one device and opens it again when its renderer crashes. Returns the tab as it is now. */
async function openDevice(browser: PlainBrowser, options: HeadlessOptions, index: number, isClosed: () => boolean): Promise<() => PlainTab> {
  const say = options.say ?? (() => {})
  const open = async (): Promise<PlainTab> => {
    const tab = await browser.openTab(options.initScript)
    tab.onCrash(() => void restart(tab))
    tab.onError((message) => say(`Device ${index + 1}: ${message}`))
    await tab.navigate(pageUrl(options, index))
    return tab
  }
  let restarts = 0
  let current = await open()
  const restart = async (crashed: PlainTab): Promise<void> => {
    if (isClosed()) return
    restarts++
    if (restarts > MAX_RESTARTS) return say(`Device ${index + 1} crashed ${restarts} times and stays away`)
    say(`Device ${index + 1} crashed; opening it again`)
    try {
      await crashed.close()
      current = await open()
    } catch (error) {
      if (!isClosed()) say(`Device ${index + 1} could not be opened again: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return () => current
}

/**
 * Starts one browser with `count` devices. Resolves when every page has loaded; joining goes on by itself.
 * @throws {Error} when the browser does not start or the server does not answer
 */
export async function launchDevices(options: HeadlessOptions): Promise<HeadlessDevices> {
  const { executablePath = null, flags = [], say = () => {} } = options
  // A server with a certificate of its own is known to nobody; these pages only ever visit it.
  const trust = options.url.startsWith('https:') ? ['--ignore-certificate-errors'] : []
  const browser = await openPlainBrowser(executablePath ?? chromium.executablePath(), [...deviceFlags(), ...trust, ...flags])
  let isClosed = false
  const close = async (): Promise<void> => {
    isClosed = true
    await browser.close()
  }
  browser.onEnd(() => {
    if (!isClosed) say('The browser of the headless devices ended')
  })
  try {
    const devices: (() => PlainTab)[] = []
    for (let index = 0; index < options.count; index++) devices.push(await openDevice(browser, options, index, () => isClosed))
    return { tabs: () => devices.map((tab) => tab()), browser, close }
  } catch (cause) {
    await close()
    throw cause
  }
}
