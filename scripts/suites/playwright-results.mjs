/** A Playwright reporter that writes one row for each test to the file named by RINGLET_TEST_RESULTS. */
import { writeFileSync } from 'node:fs'

function rowOf(test) {
  const name = test
    .titlePath()
    .filter((title) => title !== '')
    .join(' > ')
  const outcome = test.outcome()
  if (outcome === 'expected') return { name, state: 'passed' }
  const errors = test.results.flatMap((result) => result.errors.map((error) => error.message ?? error.value ?? 'failed'))
  if (outcome === 'flaky') return { name, state: 'passed', unsteady: errors.join('\n') }
  if (outcome === 'skipped') {
    const reason = test.annotations.find((annotation) => ['skip', 'fixme'].includes(annotation.type))?.description
    // Without the annotation the run ended before the test began.
    const deliberate = test.annotations.some((annotation) => ['skip', 'fixme'].includes(annotation.type))
    return deliberate ? { name, state: 'skipped', reason: reason ?? 'no reason given' } : { name, state: 'failed', reason: 'did not run' }
  }
  return { name, state: 'failed', reason: errors.join('\n') }
}

export default class PlaywrightResults {
  #suite
  #errors = []

  onBegin(_config, suite) {
    this.#suite = suite
  }

  onError(error) {
    this.#errors.push({ name: 'an error outside any test', state: 'failed', reason: error.message ?? String(error.value) })
  }

  onEnd() {
    const rows = (this.#suite?.allTests() ?? []).map(rowOf)
    writeFileSync(process.env.RINGLET_TEST_RESULTS, JSON.stringify([...rows, ...this.#errors]))
  }
}
