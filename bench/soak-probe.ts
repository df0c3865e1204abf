/** What a tab holds, as far as it can be counted from outside: heaps, listeners, timers and connections. */
import type { Page } from 'playwright-core'

export type TabSample = {
  /** Of the page's own thread. */
  readonly heapMiB: number
  /** Of page and workers together, as the browser measures it: heaps and WebAssembly memories. */
  readonly allMiB: number
  /** Of the page's own thread; the engine's are not told. */
  readonly listeners: number
  readonly nodes: number
  /** Set and neither fired nor cleared. */
  readonly timers: number
  readonly engineTimers: number
  /** WebRTC connections that were opened and not closed. */
  readonly connections: number
}

/** Counts timers of whatever thread it runs in. */
const TIMER_SCRIPT = `(() => {
  if (globalThis.soakTimers) return
  const pending = (globalThis.soakTimers = new Set())
  const { setTimeout: set, clearTimeout: clear, setInterval: every, clearInterval: stop } = globalThis
  globalThis.setTimeout = (callback, ms, ...args) => {
    const id = set(() => { pending.delete(id); callback(...args) }, ms)
    pending.add(id)
    return id
  }
  globalThis.clearTimeout = (id) => { pending.delete(id); clear(id) }
  globalThis.setInterval = (callback, ms, ...args) => { const id = every(callback, ms, ...args); pending.add(id); return id }
  globalThis.clearInterval = (id) => { pending.delete(id); stop(id) }
})()`

/** Runs in the page before its own scripts. */
export const WATCH_SCRIPT = `${TIMER_SCRIPT}
;(() => {
  const open = (globalThis.soakConnections = new Set())
  const Native = globalThis.RTCPeerConnection
  globalThis.RTCPeerConnection = class extends Native {
    constructor(...args) { super(...args); open.add(this) }
    close() { open.delete(this); super.close() }
  }
})()`

const MIB = 2 ** 20
const COUNT = 'globalThis.soakTimers ? globalThis.soakTimers.size : 0'

/** @throws {Error} when the tab is gone */
export async function probeTab(page: Page): Promise<TabSample> {
  const session = await page.context().newCDPSession(page)
  try {
    await session.send('HeapProfiler.collectGarbage')
    await session.send('Performance.enable')
    const { metrics } = await session.send('Performance.getMetrics')
    const metric = (name: string): number => metrics.find((entry) => entry.name === name)?.value ?? 0
    // Threads of the kernels are workers too; the engine is the one with a name.
    const [engine] = page.workers().filter((worker) => worker.url().includes('engine'))
    await engine?.evaluate(TIMER_SCRIPT)
    const engineTimers = await engine?.evaluate<unknown>(COUNT)
    return {
      heapMiB: metric('JSHeapUsedSize') / MIB,
      allMiB: Number(await page.evaluate('performance.measureUserAgentSpecificMemory().then(({ bytes }) => bytes)')) / MIB,
      listeners: metric('JSEventListeners'),
      nodes: metric('Nodes'),
      timers: Number(await page.evaluate(COUNT)),
      engineTimers: Number(engineTimers ?? 0),
      connections: Number(await page.evaluate('globalThis.soakConnections ? globalThis.soakConnections.size : 0')),
    }
  } finally {
    await session.detach()
  }
}
