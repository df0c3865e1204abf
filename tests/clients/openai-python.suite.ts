/** `openai` for Python, which runs in a program of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { pythonWith } from '../harness/python.ts'
import type { ClientServer } from './client-server.ts'

const here = (name: string): string => path.join(import.meta.dirname, name)
const resultSchema = z.object({ check: z.string(), error: z.string().nullable() })

async function resultsOf(python: string, url: string): Promise<ReadonlyMap<string, string | null>> {
  const child = spawn(python, [here('openai_python.py'), url], { stdio: ['ignore', 'pipe', 'inherit'] })
  const results = new Map<string, string | null>()
  for await (const line of createInterface(child.stdout)) {
    const { check, error } = resultSchema.parse(JSON.parse(line))
    results.set(check, error)
  }
  if (child.exitCode === null) await once(child, 'exit')
  return results
}

export function openaiPythonSuite(server: () => ClientServer): void {
  const python = pythonWith(here('requirements.txt'))
  describe.skipIf(python === null)('with python3, venv and pypi.org', () => {
    let results: ReadonlyMap<string, string | null> = new Map()
    beforeAll(async () => {
      results = await resultsOf(python ?? '', server().url)
    }, 120_000)
    test.each([
      ['chats', 'chat'],
      ['streams the same', 'stream'],
      ['calls a tool: of itself, and because it must', 'tools'],
      ['keeps to a JSON schema, whole and streamed', 'structured_output'],
      ['gets embeddings', 'embeddings'],
      ['an abort ends the answer on the ring', 'abort'],
      ['sees refusals as typed errors', 'errors'],
      ['a refusal with a time is tried again', 'retries'],
    ])('%s', (_title, check) => expect(results.get(check)).toBeNull())
  })
}
