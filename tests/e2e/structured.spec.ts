/** The grammar engine in a browser: it comes in a chunk of its own, and compiles WebAssembly under the page's policy. */
import { expect, test } from '@playwright/test'
import OpenAI from 'openai'
import { z } from 'zod'
import { EMBER, startLiveCluster, type LiveCluster } from './live-cluster.ts'

const PERSON = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 8 }, age: { type: 'integer', minimum: 0, maximum: 99 } },
  required: ['name', 'age'],
  additionalProperties: false,
}
const personSchema = z.object({ name: z.string().max(8), age: z.number().int().min(0).max(99) }).strict()

test.describe.configure({ mode: 'serial', timeout: 120_000 })

test.describe('one tab that samples by a grammar', () => {
  let cluster: LiveCluster
  let client: OpenAI
  const violations: string[] = []
  test.beforeAll(async ({ browser }) => {
    cluster = await startLiveCluster(['--no-local-device'])
    const page = await cluster.openDevice(browser)
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) violations.push(message.text())
    })
    await cluster.placed(1)
    client = new OpenAI({ baseURL: `${cluster.server.url}/v1`, apiKey: 'none', maxRetries: 0 })
  })
  test.afterAll(() => cluster.close())
  const request = { model: EMBER, messages: [{ role: 'user' as const, content: 'Hello!' }], temperature: 1, seed: 3, max_tokens: 120 }

  test('an answer keeps to its JSON schema', async () => {
    const { choices } = await client.chat.completions.create({
      ...request,
      response_format: { type: 'json_schema', json_schema: { name: 'person', schema: PERSON, strict: true } },
    })
    expect(choices[0]?.finish_reason).toBe('stop')
    expect(personSchema.safeParse(JSON.parse(choices[0]?.message.content ?? 'null')).success).toBe(true)
  })

  test('a required tool is called with arguments that keep to theirs', async () => {
    const { choices } = await client.chat.completions.create({
      ...request,
      tools: [{ type: 'function', function: { name: 'remember', parameters: PERSON } }],
      tool_choice: 'required',
      parallel_tool_calls: false,
    })
    const [call] = choices[0]?.message.tool_calls ?? []
    expect(choices[0]?.finish_reason).toBe('tool_calls')
    expect(call?.type === 'function' ? call.function.name : '').toBe('remember')
    expect(personSchema.safeParse(JSON.parse(call?.type === 'function' ? call.function.arguments : 'null')).success).toBe(true)
    expect(violations).toEqual([])
  })
})
