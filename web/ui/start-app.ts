/** Puts the app on the page. The one place that knows the browser's storage and clock. */
import type { PageEngine } from '../engine/page-engine.ts'
import { createCatalogClient } from '../engine/catalog-client.ts'
import { createTraceClient } from '../engine/trace-client.ts'
import { createCatalogSession } from './catalog-session.ts'
import { createChatSession } from './chat-session.ts'
import './ringlet-app.ts'

/** Shows the page of the current URL; everything it knows comes from `engine`. */
export function startApp(engine: PageEngine): void {
  const app = document.createElement('ringlet-app')
  app.engine = engine
  app.session = createChatSession(engine, localStorage, () => performance.now())
  const key = new URLSearchParams(location.search).get('token')
  const client = createCatalogClient((input, init) => fetch(input, init), key)
  app.catalog = createCatalogSession(engine, client, () => performance.now())
  app.traces = createTraceClient((input, init) => fetch(input, init), key)
  document.body.append(app)
}
