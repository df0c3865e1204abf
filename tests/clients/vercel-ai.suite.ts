/** Vercel's `ai` with `@ai-sdk/openai-compatible`. */
import { createOpenAICompatible, type OpenAICompatibleProvider } from '@ai-sdk/openai-compatible'
import { APICallError, generateObject, generateText, RetryError, streamObject, streamText, tool } from 'ai'
import { expect, test } from 'vitest'
import { ANN, GREETING, personSchema, type ClientServer } from './client-server.ts'

export function vercelAiSuite(server: () => ClientServer): void {
  const provider = (): OpenAICompatibleProvider =>
    createOpenAICompatible({ name: 'ringlet', baseURL: `${server().url}/v1`, supportsStructuredOutputs: true })
  const request = (model = 'ember') => ({ model: provider()(model), prompt: 'Hello!', maxRetries: 0 })
  const sampled = () => ({ ...request(), temperature: 1, maxOutputTokens: 200 })

  test('chats, and streams the same', async () => {
    expect((await generateText(request())).text).toBe(GREETING)
    expect(await streamText(request()).text).toBe(GREETING)
  })
  test('calls a tool: of itself, streamed too, and because it must', async () => {
    const tools = { remember: tool({ inputSchema: personSchema, execute: async ({ name }) => `${name} is kept` }) }
    const own = await generateText({ ...request('caller'), tools })
    expect([own.toolCalls[0]?.input, own.toolResults[0]?.output]).toEqual([ANN, 'Ann is kept'])
    expect((await streamText({ ...request('caller'), tools }).toolCalls)[0]?.input).toEqual(ANN)
    const { toolCalls } = await generateText({ ...sampled(), tools, toolChoice: 'required' })
    expect(personSchema.parse(toolCalls[0]?.input)).toBeTruthy()
  })
  test('makes an object, whole and streamed', async () => {
    const { object } = await generateObject({ ...sampled(), schema: personSchema })
    expect(personSchema.parse(object)).toEqual(object)
    let streamed: unknown
    for await (const part of streamObject({ ...sampled(), schema: personSchema }).partialObjectStream) streamed = part
    expect(personSchema.parse(streamed)).toBeTruthy()
  })
  test('an abort ends the answer on the ring', async () => {
    const abort = new AbortController()
    let aborted = 0
    const { textStream } = streamText({ ...request('endless'), abortSignal: abort.signal, onAbort: () => void aborted++ })
    for await (const text of textStream) if (text !== '') abort.abort()
    expect(aborted).toBe(1)
    await server().givenUp()
    await expect(generateText({ ...request(), abortSignal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })
  test('sees refusals as typed errors', async () => {
    const refused = generateText(request('none'))
    await expect(refused).rejects.toMatchObject({ statusCode: 404 })
    await expect(refused).rejects.toSatisfy((error) => APICallError.isInstance(error))
  })
  test('a refusal with a time is tried again', async () => {
    expect((await server().refusedOnce(() => generateText({ ...request(), maxRetries: 2 }))).text).toBe(GREETING)
    const refused = server().refusedOnce(() => generateText(request()))
    await expect(refused).rejects.toMatchObject({ statusCode: 429 })
    await expect(refused).rejects.not.toSatisfy((error) => RetryError.isInstance(error))
  })
}
