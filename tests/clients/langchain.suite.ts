/** LangChain.js with `@langchain/openai`. */
import type { AIMessageChunk } from '@langchain/core/messages'
import { ChatOpenAI, type ChatOpenAIFields } from '@langchain/openai'
import { expect, test } from 'vitest'
import { ANN, GREETING, PERSON, personSchema, TOOL, type ClientServer } from './client-server.ts'

export function langchainSuite(server: () => ClientServer): void {
  const chat = (fields: ChatOpenAIFields = {}): ChatOpenAI =>
    new ChatOpenAI({ model: 'ember', apiKey: 'none', configuration: { baseURL: `${server().url}/v1` }, temperature: 0, maxRetries: 0, ...fields })

  test('chats, and streams the same', async () => {
    expect((await chat().invoke('Hello!')).text).toBe(GREETING)
    let streamed = ''
    for await (const chunk of await chat().stream('Hello!')) streamed += chunk.text
    expect(streamed).toBe(GREETING)
  })
  test('calls a tool: of itself, streamed too, and because it must', async () => {
    const caller = chat({ model: 'caller' }).bindTools([TOOL])
    expect((await caller.invoke('Hello!')).tool_calls).toMatchObject([{ name: 'remember', args: ANN }])
    const chunks: AIMessageChunk[] = []
    for await (const chunk of await caller.stream('Hello!')) chunks.push(chunk)
    expect(chunks.reduce((whole, chunk) => whole.concat(chunk)).tool_calls).toMatchObject([{ name: 'remember', args: ANN }])
    const called = await chat().bindTools([TOOL], { tool_choice: 'required' }).invoke('Hello!')
    expect(personSchema.parse(called.tool_calls?.[0]?.args)).toBeTruthy()
  })
  test('gives structured output, by a schema and by a call', async () => {
    for (const method of ['jsonSchema', 'functionCalling'] as const)
      expect(personSchema.parse(await chat().withStructuredOutput(PERSON, { name: 'person', method }).invoke('Hello!'))).toBeTruthy()
  })
  test('an abort ends the answer on the ring', async () => {
    const abort = new AbortController()
    const reading = async (): Promise<void> => {
      for await (const chunk of await chat({ model: 'endless' }).stream('Hello!', { signal: abort.signal })) if (chunk.text) abort.abort()
    }
    await expect(reading()).rejects.toThrow(/abort/i)
    await server().givenUp()
  })
  test('sees refusals as typed errors', async () => {
    await expect(chat({ model: 'none' }).invoke('Hello!')).rejects.toMatchObject({ status: 404, lc_error_code: 'MODEL_NOT_FOUND' })
    await expect(chat({ topP: 7 }).invoke('Hello!')).rejects.toMatchObject({ status: 400, param: 'top_p' })
  })
  test('a refusal with a time is tried again', async () => {
    expect((await server().refusedOnce(() => chat({ maxRetries: 2 }).invoke('Hello!'))).text).toBe(GREETING)
    await expect(server().refusedOnce(() => chat().invoke('Hello!'))).rejects.toMatchObject({ status: 429 })
  })
}
