/** A page's code comes when the page is asked for, or when the browser has nothing else to do. */
import { nextTask } from '../parts/next-task.ts'
import type { Page } from './page-path.ts'

const LOADERS: ReadonlyMap<Page, () => Promise<unknown>> = new Map<Page, () => Promise<unknown>>([
  ['chat', () => import('../chat/chat-page.ts')],
  ['contribute', () => import('../lend/contribute-page.ts')],
  ['cluster', () => import('../cluster/cluster-page.ts')],
  ['models', () => import('../models/models-page.ts')],
  ['keys', () => import('../keys/keys-page.ts')],
  ['start', () => import('../start/start-page.ts')],
])

export type PageLoads = {
  /** Whether a page's elements are here. */
  readonly isHere: (page: Page) => boolean
  /** Fetches them; calls back once they are here, or with the reason why not. */
  readonly load: (page: Page) => void
  /** Fetches all of them, one by one, while nothing else is to do, so that a page opens at once, and also when the server has gone meanwhile. */
  readonly loadAll: () => Promise<void>
}

/** @param onChange called after a page has come. @param onFailure the page could not be fetched: most likely the server is gone or newer */
export function createPageLoads(onChange: () => void, onFailure: () => void): PageLoads {
  const here = new Set<Page>()
  const fetchPage = async (page: Page): Promise<void> => {
    await LOADERS.get(page)?.()
    // What has just come is drawn in a task of its own.
    await nextTask()
    here.add(page)
    onChange()
  }
  return {
    isHere: (page) => here.has(page),
    load: (page) => {
      if (!here.has(page)) fetchPage(page).catch(onFailure)
    },
    loadAll: async () => {
      for (const page of LOADERS.keys()) {
        await idle()
        // A page that does not come now is fetched when it is asked for.
        if (!here.has(page)) await fetchPage(page).catch(() => undefined)
      }
    },
  }
}

const idle = (): Promise<unknown> =>
  'requestIdleCallback' in window
    ? new Promise((resolve) => requestIdleCallback(resolve, { timeout: 10_000 }))
    : new Promise((resolve) => setTimeout(resolve, 2_000))
