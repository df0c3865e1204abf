/** Runs one test program and collects its rows. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** A suite that takes longer hangs, in milliseconds; on two cores that nothing else uses all together stay under twenty minutes. */
const SUITE_TIMEOUT_MS = 30 * 60_000

/**
 * @typedef {{name: string, state: 'passed' | 'failed' | 'skipped', reason?: string, unsteady?: string}} Row `unsteady`: why it failed before it passed
 * @param {{name: string, args: readonly string[], cwd: string}} suite `args` for Node; output passes through
 * @returns {Promise<Row[]>} one row a test, and one failed row more when the program ended otherwise than its rows say
 */
export async function runSuite({ name, args, cwd }) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ringlet-test-'))
  const file = path.join(folder, 'results.json')
  try {
    const ended = await new Promise((resolve) => {
      // Where no terminal reads along, colours are noise in a log; FORCE_COLOR of the surroundings would win over NO_COLOR.
      const colours = process.stdout.isTTY ? {} : { NO_COLOR: '1', FORCE_COLOR: undefined }
      const env = { ...process.env, ...colours, RINGLET_TEST_RESULTS: file }
      const child = spawn(process.execPath, args, { cwd, env, stdio: 'inherit', timeout: SUITE_TIMEOUT_MS })
      child.on('error', (error) => resolve(error.message))
      child.on('close', (code, signal) => resolve(code === 0 ? null : signal ? `was ended by ${signal}` : `ended with code ${code}`))
    })
    return withVerdict(name, readRows(file), ended)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function readRows(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

/** @param {Row[] | null} rows @param {string | null} ended how the program failed, null when it did not */
export function withVerdict(name, rows, ended) {
  if (rows === null) return [{ name, state: 'failed', reason: `the suite wrote no results${ended ? `: it ${ended}` : ''}` }]
  const explained = ended === null || rows.some((row) => row.state === 'failed')
  return explained ? rows : [...rows, { name, state: 'failed', reason: `every test passed, but the suite ${ended}` }]
}
