/** A tab as a person has it: a profile on disk that keeps models, watched for its memory and for how long its page stands still. */
import { z } from 'zod'
import type { Backend, WeightFormat } from '../protocol/cluster.ts'
import { deviceFlags } from '../scripts/headless-devices.ts'
import { openLoneTab } from './lone-tab.ts'
import { watchMemory, type MemoryWatch } from './process-memory.ts'

type Contribution = {
  readonly url: string
  readonly backend: Backend
  readonly weights: WeightFormat | 'auto'
  /** Default 1. */
  readonly threads?: number
  readonly memoryMiB: number
}
export type LoadTabOptions = Contribution & { readonly chromiumPath: string }

/** What the page's main thread went through since the last call, in milliseconds. */
const standstillSchema = z.object({ longestTaskMs: z.number(), longestFrameGapMs: z.number() })
export type Standstill = z.infer<typeof standstillSchema>

export type LoadTab = {
  readonly memory: MemoryWatch
  readonly version: string
  readonly reload: () => Promise<void>
  readonly takeStandstill: () => Promise<Standstill>
  /** Bytes by the browser's own count, after it has collected what is garbage. */
  readonly settle: () => Promise<number>
  readonly close: () => Promise<void>
}

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
const TAKE_STANDSTILL = `(() => {
  const taken = window.standstill
  window.standstill = { longestTaskMs: 0, longestFrameGapMs: 0 }
  return taken
})()`
/** https://developer.mozilla.org/docs/Web/API/Performance/measureUserAgentSpecificMemory */
const MEASURE = 'performance.measureUserAgentSpecificMemory().then(({ bytes }) => bytes)'

/** Address of a page that lends at once. */
export function contributeAddress({ url, backend, weights, threads = 1, memoryMiB }: Contribution): string {
  const query = { auto: '1', name: 'Bench', backend, weights, threads: String(threads), memory: String(memoryMiB) }
  return `${url}/contribute?${new URLSearchParams(query)}`
}

export async function openLoadTab(options: LoadTabOptions): Promise<LoadTab> {
  const tab = await openLoneTab(options.chromiumPath, deviceFlags(), WATCH_STANDSTILL)
  const memory = watchMemory(tab.pid)
  await tab.navigate(contributeAddress(options))
  return {
    memory,
    version: tab.version,
    reload: tab.reload,
    takeStandstill: async () => standstillSchema.parse(await tab.evaluate(TAKE_STANDSTILL)),
    settle: async () => z.number().parse(await tab.evaluate(MEASURE)),
    close: async () => {
      memory.stop()
      await tab.close()
    },
  }
}
