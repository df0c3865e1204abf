/** The page: what its link says, its engine, its elements. The code of each runs in a task of its own, so that the page paints and takes input in between. */
import './engine/no-eval.ts'
import { CODE_MISSING } from './ui/parts/code-missing.ts'
import { nextTask } from './ui/parts/next-task.ts'

/** A server that has gone meanwhile, or has newer files than the document: without a word the shell would stay as it is. */
function tellFailure(): void {
  const notice = document.createElement('p')
  notice.setAttribute('role', 'alert')
  const again = document.createElement('a')
  again.href = location.href
  again.textContent = 'Load it again'
  notice.append(`${CODE_MISSING} `, again)
  document.querySelector(`.shell main [data-page="${document.documentElement.dataset['page']}"]`)?.append(notice)
}

async function start(): Promise<void> {
  // What is in the document already is painted first. Schemas are made by what is imported from here on: a bundle runs what it shares with others before its own first line.
  await nextTask()
  const { createPageEngine } = await import('./engine/create-page-engine.ts')
  const { rememberedName } = await import('./ui/lend/device-name.ts')
  await nextTask()
  const query = new URLSearchParams(location.search)
  const role = location.pathname.startsWith('/contribute') ? 'device' : 'client'
  const name = query.get('name') ?? (role === 'device' ? rememberedName(localStorage, navigator.userAgent) : 'Chat')
  const engine = createPageEngine({ role, name, token: query.get('token') })
  await nextTask()
  const { serverAnswers, startApp } = await import('./ui/app/start-app.ts')
  await nextTask()
  startApp(engine, serverAnswers(engine))
}

start().catch((cause: unknown) => {
  tellFailure()
  throw cause
})
