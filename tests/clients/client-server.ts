/** The server that clients are tested against: real models on a real ring, few places, and eyes on what the ring does. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { traceListSchema, traceSchema } from '../../protocol/trace.ts'
import { writeEmbeddingModel } from '../harness/embedding-model.ts'
import { ggufPooling } from '../harness/gguf-pooling.ts'
import { startServing, type ServingServer } from '../harness/server.ts'
import { writeSpeakingModel } from '../harness/speaking-model.ts'

export const GREETING = 'Hello! I am Ember. How can I help you?'
export const messages = [{ role: 'user' as const, content: 'Hello!' }]
export const PERSON = {
  type: 'object' as const,
  properties: { name: { type: 'string', maxLength: 8 }, age: { type: 'integer', minimum: 0, maximum: 99 } },
  required: ['name', 'age'],
  additionalProperties: false,
}
export const personSchema = z.object({ name: z.string().max(8), age: z.number().int().min(0).max(99) }).strict()
export const TOOL = { type: 'function' as const, function: { name: 'remember', description: 'Keeps a person in mind', parameters: PERSON } }

/** What the model `caller` calls of itself, where a request offers the tool. */
export const ANN = { name: 'Ann', age: 7 }
const CALLER = {
  template:
    "{% if tools %}{{ tools | tojson }} Call as in <tool_call>{}</tool_call>.\n{% endif %}{% for message in messages %}{{ message.role + ': ' + message.content + '\n' }}{% endfor %}assistant:",
  pieces: ['I shall', ' keep that.', '<tool_call>', '\n{"name": "remember", "arguments": ', '{"name": "Ann", ', '"age": 7}', '}\n', '</tool_call>'],
}
/** Never ends by itself, so that only who aborts it ends it. */
const ENDLESS = { template: '{{ messages[0].content }}', pieces: ['on ', 'and '], isEndless: true, contextLength: 8192 }

/** Answers at once; no request waits, so that one more is refused, with the time after which to try again. */
const PLACES = 2

export type ClientServer = ServingServer & {
  /** Runs `ask` while every place is taken, and frees the places when it has been refused once: only a client that tries again gets an answer. */
  readonly refusedOnce: <T>(ask: () => Promise<T>) => Promise<T>
  /** Resolves when nothing runs, and the newest request is one that ended because its client went away. @throws when it ended in another way */
  readonly givenUp: () => Promise<void>
}

/** Asks again until `test` holds. @throws after ten seconds */
async function until(what: string, test: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await test())) if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`)
}

export async function startClientServer(): Promise<ClientServer> {
  const server = await startServing(
    (modelsDir) => {
      const vectors = { pooling: { pooling_mode_lasttoken: true }, normalizes: true, config: { is_matryoshka: true } }
      writeEmbeddingModel(path.join(modelsDir, 'vectors'), vectors)
      writeFileSync(path.join(modelsDir, 'vectors.gguf'), ggufPooling('mean'))
      writeSpeakingModel(path.join(modelsDir, 'caller'), CALLER)
      writeSpeakingModel(path.join(modelsDir, 'endless'), ENDLESS)
    },
    [`--max-answers=${PLACES}`, '--max-waiting=0'],
  )
  const get = async (at: string): Promise<Response> => fetch(server.url + at)
  const refusals = async (): Promise<number> =>
    Number(/^ringlet_failed_requests_total\{code="queue_full"\} (\d+)$/m.exec(await (await get('/metrics')).text())?.[1] ?? 0)
  const running = async (): Promise<number> => z.object({ running: z.number() }).parse(await (await get('/load')).json()).running
  const idle = (): Promise<void> => until('nothing runs', async () => (await running()) === 0)

  return {
    ...server,
    refusedOnce: async (ask) => {
      const abort = new AbortController()
      const body = JSON.stringify({ model: 'endless', messages, n: PLACES, stream: true })
      const headers = { 'content-type': 'application/json' }
      const held = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body, signal: abort.signal })
      await held.body?.getReader().read()
      const before = await refusals()
      const answer = ask()
      // Whoever awaits it hears of it.
      answer.catch(() => undefined)
      await until('a refusal', async () => (await refusals()) > before)
      abort.abort()
      return answer
    },
    givenUp: async () => {
      await idle()
      const { traces } = traceListSchema.parse(await (await get('/v1/cluster/traces')).json())
      const { error } = traceSchema.parse(await (await get(`/v1/cluster/traces/${traces[0]?.id ?? ''}`)).json())
      if (!error?.includes('the client went away')) throw new Error(`it ended with ${error ?? 'an answer'}`)
    },
  }
}
