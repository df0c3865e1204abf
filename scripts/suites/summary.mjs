/** Lines shown of one failure at the end. */
const MAX_REASON_LINES = 60

/**
 * What is said at the end of `npm test`: skipped tests with their reasons, those that failed once, failed ones with theirs, then the one line that
 * other programs read.
 * @param {readonly import('./run-suite.mjs').Row[]} rows
 */
export function summary(rows) {
  const of = (state) => rows.filter((row) => row.state === state)
  /** Reasons are capped: the suite has printed all of it above. */
  const indent = (reason) =>
    String(reason ?? '')
      .trim()
      .split('\n')
      .slice(0, MAX_REASON_LINES)
      .map((line) => `      ${line}`)
      .join('\n')
  return [
    ...of('skipped').map((row) => `skipped  ${row.name}: ${row.reason}`),
    ...of('passed')
      .filter((row) => row.unsteady !== undefined)
      .map((row) => `UNSTEADY ${row.name}: passed when run again, failed before with\n${indent(row.unsteady)}`),
    ...of('failed').map((row) => `FAILED   ${row.name}\n${indent(row.reason)}`),
    `${of('passed').length} passed, ${of('failed').length} failed`,
  ]
}
