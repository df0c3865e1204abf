/** A whole server as `npm start` composes it, with its own device on which Ember runs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createLog } from '../../api-gateway/log.ts'
import { parseOptions } from '../../api-gateway/options.ts'
import { startServer } from '../../api-gateway/serve.ts'

export type ServingServer = { readonly url: string; readonly close: () => Promise<void> }

/** Resolves when Ember is served. @param addModels writes models into the server's folder of them @param args options of the command line */
export async function startServing(addModels: (modelsDir: string) => void = () => undefined, args: readonly string[] = []): Promise<ServingServer> {
  const home = mkdtempSync(path.join(tmpdir(), 'ringlet-serving-'))
  addModels(path.join(home, 'models'))
  const server = await startServer(parseOptions(['--port', '0', ...args], { RINGLET_HOME: home }), { log: createLog('silent') })
  const problem = await server.serving(0)
  if (problem !== null) throw new Error(problem)
  return {
    url: server.url,
    close: async () => {
      await server.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
