/** A GGUF file in the models folder, served from a name to the last token: by the server's own device, as the reference computes it. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createLog } from '../../api-gateway/log.ts'
import { parseOptions } from '../../api-gateway/options.ts'
import { startServer } from '../../api-gateway/serve.ts'
import { joinAsGateway } from '../../api-gateway/transport/gateway-peer.ts'
import { modelId } from '../../protocol/ids.ts'
import { greedyIds } from '../harness/greedy.ts'

const CASE = path.join(import.meta.dirname, '../fixtures/gguf/llama')
const home = mkdtempSync(path.join(tmpdir(), 'ringlet-gguf-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

test(
  'a .gguf file in the models folder is listed, loads on the local device and gives the reference’s greedy tokens',
  { timeout: 60_000 },
  async () => {
    const golden = JSON.parse(readFileSync(path.join(CASE, 'golden.json'), 'utf8')) as { prompt_ids: number[]; greedy_ids: number[] }
    cpSync(path.join(CASE, 'model.gguf'), path.join(home, 'models/tiny-Q4_0.gguf'))
    const options = parseOptions(['--port', '0', '--model', 'tiny-Q4_0.gguf'], { RINGLET_HOME: home, RINGLET_OFFLINE: '1' })
    const server = await startServer(options, { log: createLog('silent') })
    try {
      const listed = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: { id: string }[] }
      expect(listed.data.map(({ id }) => id)).toContain('tiny-Q4_0.gguf')
      const part = await fetch(`${server.url}/models/tiny-Q4_0.gguf`, { headers: { range: 'bytes=0-3' } })
      expect([part.status, await part.text()]).toEqual([206, 'GGUF'])
      expect(await server.serving(0)).toBeNull()
      const peer = await joinAsGateway(server.url, null)
      try {
        expect(await greedyIds(peer.client, modelId('tiny-Q4_0.gguf'), golden.prompt_ids, golden.greedy_ids.length)).toEqual(golden.greedy_ids)
      } finally {
        peer.close()
      }
    } finally {
      await server.close()
    }
  },
)
