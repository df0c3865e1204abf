/** The page: what its link says, its engine, its elements. */
import './engine/no-eval.ts'
import { createPageEngine } from './engine/create-page-engine.ts'
import { rememberedName } from './ui/lend/device-name.ts'
import { nextTask } from './ui/parts/next-task.ts'
import { serverAnswers, startApp } from './ui/app/start-app.ts'

const query = new URLSearchParams(location.search)
const role = location.pathname.startsWith('/contribute') ? 'device' : 'client'
const name = query.get('name') ?? (role === 'device' ? rememberedName(localStorage, navigator.userAgent) : 'Chat')
const engine = createPageEngine({ role, name, token: query.get('token') })
// What is in the document already is painted first.
void nextTask().then(() => startApp(engine, serverAnswers(engine)))
