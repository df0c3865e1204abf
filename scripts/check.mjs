/** `npm run check`: types, lint, format, unused code, import arrows. Exit code 1 when any gate is red. */
import { ensureDependencies, runScript } from './bootstrap.mjs'
import { runGates } from './gates.mjs'

await runScript(async () => {
  await ensureDependencies()
  const results = await runGates((line) => console.log(line))
  const failed = results.filter((result) => !result.passed)
  for (const { name, output } of failed) console.log(`\n${name}\n${output}\n`)
  console.log(failed.length === 0 ? `all ${results.length} gates are green` : `red: ${failed.map((result) => result.name).join('; ')}`)
  process.exitCode = failed.length === 0 ? 0 : 1
})
