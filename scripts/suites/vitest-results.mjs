/** A vitest reporter that writes one line of JSON for each test to the file named by RINGLET_TEST_RESULTS. */
import { writeFileSync } from 'node:fs'

/** A group that is skipped as a whole says why in its name: `… (needs redis-server on the PATH)`. */
const NEEDS = /\((needs [^)]+)\)/
const messageOf = (error) => error?.stack ?? error?.message ?? String(error)

function rowOf(file, test) {
  const { state, errors } = test.result()
  const name = `${file} > ${test.fullName}`
  const reason = (errors ?? []).map((error) => error.message).join('\n')
  if (state === 'passed') return test.diagnostic()?.flaky ? { name, state, unsteady: reason } : { name, state }
  if (state === 'failed') return { name, state, reason }
  // A test that never ran is not a success: only a deliberate skip counts as one.
  if (state === 'pending') return { name, state: 'failed', reason: 'did not run' }
  return { name, state: 'skipped', reason: test.result().note ?? NEEDS.exec(name)?.[1] ?? 'no reason given' }
}

export default class VitestResults {
  onTestRunEnd(modules, unhandledErrors) {
    const rows = modules.flatMap((module) => {
      const file = module.relativeModuleId
      const loading = module.errors().map((error) => ({ name: `${file} (loading)`, state: 'failed', reason: messageOf(error) }))
      return [...loading, ...[...module.children.allTests()].map((test) => rowOf(file, test))]
    })
    const unhandled = unhandledErrors.map((error) => ({ name: 'an error outside any test', state: 'failed', reason: messageOf(error) }))
    writeFileSync(process.env.RINGLET_TEST_RESULTS, JSON.stringify([...rows, ...unhandled]))
  }
}
