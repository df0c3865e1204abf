/** Suites that are programs in Python: each check prints a line. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { pythonWith } from '../harness/python.ts'
import type { ClientServer } from './client-server.ts'

const here = (name: string): string => path.join(import.meta.dirname, name)
const python = pythonWith(here('requirements.txt'))
const resultSchema = z.object({ check: z.string(), error: z.string().nullable() })

async function resultsOf(script: string, url: string): Promise<ReadonlyMap<string, string | null>> {
  const child = spawn(python ?? '', [here(script), url], { stdio: ['ignore', 'pipe', 'inherit'] })
  const results = new Map<string, string | null>()
  for await (const line of createInterface(child.stdout)) {
    const { check, error } = resultSchema.parse(JSON.parse(line))
    results.set(check, error)
  }
  if (child.exitCode === null) await once(child, 'exit')
  return results
}

/** @param checks titles by the names of the script's checks */
export function pythonSuite(server: () => ClientServer, script: string, checks: Readonly<Record<string, string>>): void {
  describe.skipIf(python === null)('in Python (needs python3 with venv, and pypi.org)', () => {
    let results: ReadonlyMap<string, string | null> = new Map()
    beforeAll(async () => {
      results = await resultsOf(script, server().url)
    }, 120_000)
    for (const [check, title] of Object.entries(checks)) test(title, () => expect(results.get(check)).toBeNull())
  })
}
