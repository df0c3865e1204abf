/** The page: what its link says, its engine, its elements. */
import './engine/no-eval.ts'
import { createPageEngine } from './engine/create-page-engine.ts'
import { rememberedName } from './ui/device-name.ts'
import { serverAnswers, startApp } from './ui/start-app.ts'

const query = new URLSearchParams(location.search)
const role = location.pathname.startsWith('/contribute') ? 'device' : 'client'
const name = query.get('name') ?? (role === 'device' ? rememberedName(localStorage, navigator.userAgent) : 'Chat')
const engine = createPageEngine({ role, name, token: query.get('token') })
startApp(engine, serverAnswers(engine))
