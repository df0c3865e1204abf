/** Puts the app on the page. The one place that knows the browser's storage and clock. */
import type { PageEngine } from '../../engine/page-engine.ts'
import { createAccessClient } from '../../engine/access-client.ts'
import { createCatalogClient } from '../../engine/catalog-client.ts'
import { createTraceClient } from '../../engine/trace-client.ts'
import { createServerCall } from '../../engine/server-call.ts'
import { createClusterClient } from '../../engine/cluster-client.ts'
import { createCatalogSession } from '../models/catalog-session.ts'
import { createChatLibrary, tabBroadcast } from '../../chat/chat-library.ts'
import { createChatSession } from '../../chat/chat-session.ts'
import { openChatStore } from '../../chat/chat-store.ts'
import { keptSettings } from '../../chat/kept-settings.ts'
import { createChatAnswers, type ChatAnswers } from '../../engine/chat-answers.ts'
import { createGatewayChat } from '../../engine/gateway-chat.ts'
import { pageStorage } from '../parts/page-storage.ts'
import { createClusterLog } from '../cluster/cluster-log.ts'
import { createLinkAges } from '../parts/link-ages.ts'
import './ringlet-app.ts'

const keyOf = (): string | null => new URLSearchParams(location.search).get('token')
const fetcher: typeof fetch = (input, init) => fetch(input, init)

/** Answers by way of the server that this page came from, else of the devices themselves. */
export const serverAnswers = (engine: PageEngine): ChatAnswers =>
  createChatAnswers(engine, createGatewayChat({ fetcher, keyOf, pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) }))

/** Shows the page of the current URL; everything it knows comes from `engine`, and every answer from `answers`. */
export function startApp(engine: PageEngine, answers: ChatAnswers): void {
  const app = document.createElement('ringlet-app')
  app.engine = engine
  const library = createChatLibrary(openChatStore(), tabBroadcast())
  const session = createChatSession({
    answers,
    library,
    now: () => performance.now(),
    date: () => Date.now(),
    settings: () => keptSettings(pageStorage),
  })
  const call = createServerCall(fetcher, keyOf)
  const catalog = createCatalogSession(engine, createCatalogClient(call), () => performance.now())
  app.catalog = catalog
  app.chat = { engine, session, library, catalog }
  app.traces = createTraceClient(call)
  app.access = createAccessClient(call)
  app.cluster = createClusterClient(call)
  const log = createClusterLog(() => new Date())
  const ages = createLinkAges(() => performance.now())
  const note = (): void => {
    log.note(engine.view())
    ages.note(engine.view())
  }
  engine.onChange(note)
  note()
  app.log = log
  app.ages = ages
  document.body.append(app)
}
