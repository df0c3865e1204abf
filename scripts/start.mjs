/** `npm start`: prepares a bare clone, then becomes the server. Options are parsed by api-gateway/options.ts. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { become } from './bootstrap/child.mjs'
import { ensureBrowser, ensureDependencies, ensurePages, ROOT, runScript, say } from './bootstrap.mjs'

function help() {
  const options = JSON.parse(readFileSync(path.join(ROOT, 'api-gateway/options.json'), 'utf8'))
  say('npm start -- [options]\n')
  for (const { name, argument, env, default: value, help: text } of options) {
    say(`  --${name}${argument ? ` ${argument}` : ''}\n      ${text}${value && value !== '0' ? ` Default: ${value}.` : ''} (${env})`)
  }
  say('\nEnvironment only: RINGLET_HOME, HF_ENDPOINT, HF_TOKEN, RINGLET_OFFLINE=1, REDIS_URL, CHROMIUM_PATH, DEBUG')
}

/** Whether the arguments ask for headless devices; whether they are right is the server's to say. */
function wantsBrowser(args, env) {
  const last = args.findLastIndex((arg) => arg === '--devices' || arg.startsWith('--devices='))
  const asked = last === -1 ? env.RINGLET_DEVICES : (args[last]?.split('=')[1] ?? args[last + 1])
  return Number(asked ?? 0) > 0
}

await runScript(async () => {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) return help()
  await ensureDependencies()
  await ensurePages()
  if (wantsBrowser(args, process.env)) await ensureBrowser()
  await become(process.execPath, ['--import', 'tsx', path.join(ROOT, 'api-gateway/main.ts'), ...args])
})
