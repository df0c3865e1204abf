/** Python's packages for tests, in an environment of their own that is made once and kept. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const CACHE = path.join(import.meta.dirname, '../../.cache')
/** That pip may take on a slow line. */
const WITHIN_MS = 180_000

const runs = (command: string, args: readonly string[]): boolean => spawnSync(command, args, { timeout: WITHIN_MS, stdio: 'ignore' }).status === 0

/**
 * The Python that has what `requirements` lists, installed now where it is not yet.
 * @param requirements path of a file as pip reads it
 * @returns null where there is no python3 with venv, or its packages cannot be had
 */
export function pythonWith(requirements: string): string | null {
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12)
  const folder = path.join(CACHE, `python-${digest}`)
  const python = path.join(folder, 'bin/python')
  const isWhole = path.join(folder, 'installed')
  if (existsSync(isWhole)) return python
  if (process.env['RINGLET_OFFLINE'] === '1' || !runs('python3', ['-m', 'venv', '--clear', folder])) return null
  const quick = ['--quiet', '--no-input', '--disable-pip-version-check', '--only-binary=:all:']
  if (!runs(python, ['-m', 'pip', 'install', ...quick, '-r', requirements])) return null
  writeFileSync(isWhole, '')
  return python
}
