/** A tab as a person has it: a profile on disk that keeps models, watched for its memory and for how long its page stands still. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium, type Page } from 'playwright-core'
import type { Backend, WeightFormat } from '../protocol/cluster.ts'
import { deviceFlags } from '../scripts/headless-devices.ts'
import { watchMemory, type MemoryWatch } from './process-memory.ts'

export type LoadTabOptions = {
  readonly url: string
  readonly chromiumPath: string | null
  readonly backend: Backend
  readonly weights: WeightFormat | 'auto'
  readonly memoryMiB: number
}

/** What the page's main thread went through since the last call, in milliseconds. */
export type Standstill = { readonly longestTaskMs: number; readonly longestFrameGapMs: number }

export type LoadTab = {
  readonly memory: MemoryWatch
  readonly browser: string
  readonly reload: () => Promise<void>
  readonly takeStandstill: () => Promise<Standstill>
  /** Bytes by the browser's own count, after it has collected what is garbage. */
  readonly settle: () => Promise<number>
  readonly close: () => Promise<void>
}

declare global {
  interface Window {
    standstill: { longestTaskMs: number; longestFrameGapMs: number }
  }
  interface Performance {
    /** https://developer.mozilla.org/docs/Web/API/Performance/measureUserAgentSpecificMemory */
    measureUserAgentSpecificMemory?: () => Promise<{ readonly bytes: number }>
  }
}

/** Runs in the page before anything else. As text: a function would carry what the loader of this file adds to it. */
const WATCH_STANDSTILL = `if (window.top === window) {
  const seen = (name, ms) => (window.standstill[name] = Math.max(window.standstill[name], ms))
  window.standstill = { longestTaskMs: 0, longestFrameGapMs: 0 }
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => seen('longestTaskMs', duration)))
  observer.observe({ type: 'longtask', buffered: true })
  let last = performance.now()
  const frame = (now) => {
    seen('longestFrameGapMs', now - last)
    last = now
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
}`

function takeStandstill(): Standstill {
  const taken = window.standstill
  window.standstill = { longestTaskMs: 0, longestFrameGapMs: 0 }
  return taken
}

async function measure(): Promise<number> {
  const { bytes } = (await performance.measureUserAgentSpecificMemory?.()) ?? { bytes: Number.NaN }
  return bytes
}

function addressOf({ url, backend, weights, memoryMiB }: LoadTabOptions): string {
  const query = { auto: '1', name: 'Bench', backend, weights, threads: '1', memory: String(memoryMiB) }
  return `${url}/contribute?${new URLSearchParams(query)}`
}

async function openPage(page: Page, options: LoadTabOptions): Promise<void> {
  await page.addInitScript({ content: WATCH_STANDSTILL })
  await page.goto(addressOf(options), { waitUntil: 'domcontentloaded' })
}

export async function openLoadTab(options: LoadTabOptions): Promise<LoadTab> {
  const profile = await mkdtemp(path.join(tmpdir(), 'ringlet-profile-'))
  const context = await chromium.launchPersistentContext(profile, {
    ...(options.chromiumPath ? { executablePath: options.chromiumPath } : {}),
    args: [...deviceFlags()],
  })
  const close = async (): Promise<void> => {
    await context.close()
    await rm(profile, { recursive: true, force: true })
  }
  try {
    const page = context.pages()[0] ?? (await context.newPage())
    const browser = await page.evaluate(() => /Chrome\/([\d.]+)/.exec(navigator.userAgent)?.[1] ?? 'unknown')
    const memory = watchMemory(profile)
    await openPage(page, options)
    return {
      memory,
      browser: `Chromium ${context.browser()?.version() ?? browser}`,
      reload: async () => void (await page.reload({ waitUntil: 'domcontentloaded' })),
      takeStandstill: () => page.evaluate(takeStandstill),
      settle: () => page.evaluate(measure),
      close: async () => {
        memory.stop()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
