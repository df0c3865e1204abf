/** `@anthropic-ai/sdk`. */
import Anthropic, { BadRequestError, NotFoundError, RateLimitError, type ClientOptions } from '@anthropic-ai/sdk'
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ANN, GREETING, messages, PERSON, personSchema, type ClientServer } from './client-server.ts'

export function anthropicSuite(server: () => ClientServer): void {
  const client = (options: ClientOptions = {}): Anthropic => new Anthropic({ baseURL: server().url, apiKey: 'none', maxRetries: 0, ...options })
  const request = { model: 'ember', max_tokens: 120, messages }
  const tools = [{ name: 'remember', input_schema: PERSON }]

  test('chats, and streams the same', async () => {
    expect((await client().messages.create(request)).content).toEqual([{ type: 'text', text: GREETING }])
    expect(await client().messages.stream(request).finalText()).toBe(GREETING)
  })
  test('calls a tool: of itself, and because it must', async () => {
    const own = await client().messages.create({ ...request, model: 'caller', tools })
    expect(own.stop_reason).toBe('tool_use')
    expect(own.content).toMatchObject([
      { type: 'text', text: 'I shall keep that.' },
      { type: 'tool_use', name: 'remember', input: ANN },
    ])
    const called = await client()
      .messages.stream({ ...request, tools, tool_choice: { type: 'any', disable_parallel_tool_use: true } })
      .finalMessage()
    expect(called.stop_reason).toBe('tool_use')
    expect(personSchema.parse(called.content.find((block) => block.type === 'tool_use')?.input)).toBeTruthy()
  })
  test('keeps to a JSON schema, whole and streamed', async () => {
    const format = { type: 'json_schema' as const, schema: PERSON }
    const wanted = { ...request, temperature: 1, output_config: { format } }
    const parsed = await client().messages.parse({
      ...wanted,
      output_config: { format: zodOutputFormat(z.object({ name: z.string(), age: z.int() })) },
    })
    expect(parsed.parsed_output).toEqual({ name: expect.any(String), age: expect.any(Number) })
    expect(personSchema.parse(JSON.parse(await client().messages.stream(wanted).finalText()))).toBeTruthy()
  })
  test('an abort ends the answer on the ring', async () => {
    const stream = client().messages.stream({ ...request, model: 'endless', max_tokens: 8000 })
    for await (const event of stream) if (event.type === 'content_block_delta') break
    stream.abort()
    await server().givenUp()
  })
  test('sees refusals as typed errors', async () => {
    await expect(client().messages.create({ ...request, model: 'none' })).rejects.toBeInstanceOf(NotFoundError)
    await expect(client().messages.create({ ...request, max_tokens: 0 })).rejects.toBeInstanceOf(BadRequestError)
  })
  test('a refusal with a time is tried again', async () => {
    const { content } = await server().refusedOnce(() => client({ maxRetries: 2 }).messages.create(request))
    expect(content).toEqual([{ type: 'text', text: GREETING }])
    const refused = server().refusedOnce(() => client().messages.create(request))
    await expect(refused).rejects.toMatchObject({ status: 529 })
    await expect(refused).rejects.not.toBeInstanceOf(RateLimitError)
  })
}
