/** What tests and benches ask of a page's app, and of its engine. A document is loaded before its app is: all of these wait for it. */
import type { Locator, Page } from 'playwright-core'
import type { PageEngine } from '../../web/engine/page-engine.ts'
import type { RingletApp } from '../../web/ui/app/ringlet-app.ts'

/** To be evaluated in, `appOf(page).evaluate((app: RingletApp) => …)`: it waits for the app first. */
export const appOf = (page: Page): Locator => page.locator('ringlet-app')

/** @param read runs in the page */
export async function engineOf<T>(page: Page, read: (engine: PageEngine) => T | Promise<T>): Promise<T> {
  const engine = await appOf(page).evaluateHandle((app: RingletApp) => {
    if (!app.engine) throw new Error('the app has no engine')
    return app.engine
  })
  return engine.evaluate(read)
}

/** The page's own name among the peers; empty while it is not connected. */
export const peerOf = (page: Page): Promise<string> =>
  engineOf(page, (engine) => {
    const connection = engine.connection()
    return connection.state === 'online' ? connection.self : ''
  })
