/** Puts the app on the page. The one place that knows the browser's storage and clock. */
import type { PageEngine } from '../engine/page-engine.ts'
import { createAccessClient } from '../engine/access-client.ts'
import { createCatalogClient } from '../engine/catalog-client.ts'
import { createTraceClient } from '../engine/trace-client.ts'
import { createServerCall } from '../engine/server-call.ts'
import { createCatalogSession } from './catalog-session.ts'
import { createChatSession } from './chat-session.ts'
import './ringlet-app.ts'

/** Shows the page of the current URL; everything it knows comes from `engine`. */
export function startApp(engine: PageEngine): void {
  const app = document.createElement('ringlet-app')
  app.engine = engine
  app.session = createChatSession(engine, localStorage, () => performance.now())
  const call = createServerCall(
    (input, init) => fetch(input, init),
    () => new URLSearchParams(location.search).get('token'),
  )
  app.catalog = createCatalogSession(engine, createCatalogClient(call), () => performance.now())
  app.traces = createTraceClient(call)
  app.access = createAccessClient(call)
  document.body.append(app)
}
