/** `npm run build`: builds the pages into dist/web when a source has changed. */
import { ensureDependencies, ensurePages, runScript, say } from './bootstrap.mjs'

await runScript(async () => {
  await ensureDependencies()
  await ensurePages()
  say('dist/web is up to date')
})
