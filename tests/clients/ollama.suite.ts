/** `ollama` for JavaScript. It has no retries of its own. */
import { Ollama } from 'ollama'
import { expect, test } from 'vitest'
import { ANN, GREETING, messages, PERSON, personSchema, TOOL, type ClientServer } from './client-server.ts'

export function ollamaSuite(server: () => ClientServer): void {
  const client = (): Ollama => new Ollama({ host: server().url })
  const request = { model: 'ember', messages, options: { temperature: 0 } }

  test('chats, and streams the same', async () => {
    expect((await client().chat(request)).message.content).toBe(GREETING)
    let streamed = ''
    for await (const part of await client().chat({ ...request, stream: true })) streamed += part.message.content
    expect(streamed).toBe(GREETING)
  })
  test('calls a tool of itself, whole and streamed', async () => {
    const asking = { ...request, model: 'caller', tools: [TOOL] }
    const { message } = await client().chat(asking)
    const called = { function: { name: 'remember', arguments: ANN } }
    expect([message.content, message.tool_calls]).toEqual(['I shall keep that.', [expect.objectContaining(called)]])
    const calls = []
    for await (const part of await client().chat({ ...asking, stream: true })) calls.push(...(part.message.tool_calls ?? []))
    expect(calls).toEqual([expect.objectContaining(called)])
  })
  test('keeps to a JSON schema, in chat and generate', async () => {
    const options = { temperature: 1, seed: 4, num_predict: 120 }
    const { response } = await client().generate({ model: 'ember', prompt: 'Hello!', format: PERSON, options })
    expect(personSchema.parse(JSON.parse(response ?? ''))).toBeTruthy()
    const { message } = await client().chat({ ...request, format: PERSON, options })
    expect(personSchema.parse(JSON.parse(message.content))).toBeTruthy()
  })
  test('an abort ends the answer on the ring', async () => {
    const aborting = client()
    const reading = async (): Promise<void> => {
      for await (const part of await aborting.chat({ model: 'endless', messages, stream: true })) if (part.message.content) aborting.abort()
    }
    await expect(reading()).rejects.toMatchObject({ name: 'AbortError' })
    await server().givenUp()
  })
  test('sees refusals as typed errors', async () => {
    await expect(client().chat({ ...request, model: 'none' })).rejects.toMatchObject({ name: 'ResponseError', status_code: 404 })
    await expect(client().generate({ model: 'ember', prompt: 'x', suffix: 'y' })).rejects.toMatchObject({ status_code: 400, error: /suffix/ })
  })
}
