/** `openai` for JavaScript. */
import OpenAI, { NotFoundError, RateLimitError, type ClientOptions } from 'openai'
import { expect, test } from 'vitest'
import { ANN, GREETING, messages, PERSON, personSchema, TOOL, type ClientServer } from './client-server.ts'

export function openaiSuite(server: () => ClientServer): void {
  const client = (options: ClientOptions = {}): OpenAI => new OpenAI({ baseURL: `${server().url}/v1`, apiKey: 'none', maxRetries: 0, ...options })
  test('chats, streams, calls a required tool, keeps to a schema', async () => {
    const whole = await client().chat.completions.create({ model: 'ember', messages })
    expect(whole.choices[0]?.message.content).toBe(GREETING)
    expect(await client().chat.completions.stream({ model: 'ember', messages }).finalContent()).toBe(GREETING)
    const request = { model: 'ember', messages, tools: [TOOL], max_tokens: 120, temperature: 1, parallel_tool_calls: false }
    const called = await client().chat.completions.create({ ...request, tool_choice: 'required' })
    const call = called.choices[0]?.message.tool_calls?.[0]
    expect(personSchema.parse(JSON.parse(call?.type === 'function' ? call.function.arguments : ''))).toBeTruthy()
    const streamed = await client()
      .chat.completions.stream({ ...request, tool_choice: { type: 'function', function: { name: 'remember' } } })
      .finalChatCompletion()
    expect(streamed.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'remember' } })
    const cut = await client().chat.completions.create({ ...request, tool_choice: 'required', max_tokens: 1 })
    expect(cut.choices[0]?.finish_reason).toBe('length')
    const response = await client().responses.create({
      model: 'ember',
      input: 'Hello!',
      temperature: 1,
      text: { format: { type: 'json_schema', name: 'person', schema: PERSON } },
    })
    expect(personSchema.parse(JSON.parse(response.output_text))).toBeTruthy()
  })
  test('gets log probabilities of the greedy tokens, highest first', async () => {
    const { choices } = await client().chat.completions.create({ model: 'ember', messages, logprobs: true, top_logprobs: 3 })
    const content = choices[0]?.logprobs?.content ?? []
    expect(content.map(({ token }) => token).join('')).toBe(GREETING)
    for (const { token, logprob, top_logprobs } of content) {
      expect(top_logprobs[0]).toMatchObject({ token, logprob })
      expect(top_logprobs.map((top) => top.logprob)).toEqual(top_logprobs.map((top) => top.logprob).sort((a, b) => b - a))
    }
  })
  test('gets log probabilities of a prompt, which are those of the same tokens as an answer', async () => {
    const request = { model: 'ember', prompt: 'Once upon a time', temperature: 0, logprobs: 1, max_tokens: 6 }
    const answered = await client().completions.create(request)
    const prompt = request.prompt + (answered.choices[0]?.text ?? '')
    const echoed = await client().completions.create({ ...request, prompt, echo: true, max_tokens: 1 })
    const lists = echoed.choices[0]?.logprobs
    // As evaluations of models ask: nothing is sampled, and the prompt is as likely as before.
    const alone = await client().completions.create({ ...request, prompt, echo: true, max_tokens: 0 })
    expect(alone).toMatchObject({ choices: [{ text: prompt, finish_reason: 'length' }], usage: { completion_tokens: 0 } })
    for (const [i, logprob] of (alone.choices[0]?.logprobs?.token_logprobs ?? []).entries())
      if (i > 0) expect(lists?.token_logprobs?.[i]).toBeCloseTo(logprob, 2)
    expect(alone.choices[0]?.logprobs?.token_logprobs).toHaveLength((lists?.token_logprobs?.length ?? 0) - 1)
    expect(lists?.token_logprobs?.[0]).toBeNull()
    expect(echoed.choices[0]?.text?.startsWith(prompt)).toBe(true)
    const of = answered.choices[0]?.logprobs
    const at = (lists?.tokens?.length ?? 0) - (of?.tokens?.length ?? 0) - 1
    expect(lists?.tokens?.slice(at, -1)).toEqual(of?.tokens)
    for (const [i, logprob] of (of?.token_logprobs ?? []).entries()) expect(lists?.token_logprobs?.[at + i]).toBeCloseTo(logprob, 2)
  })
  test('gets embeddings, as it asks for them and as floats, cut, and of a model that has none a typed error', async () => {
    const input = ['Hello!', 'Something else.']
    const { data, usage } = await client().embeddings.create({ model: 'vectors', input })
    const lengthOf = (vector: readonly number[]): number => Math.hypot(...vector)
    expect(data.map(({ index, embedding }) => [index, embedding.length])).toEqual([0, 1].map((index) => [index, 192]))
    for (const { embedding } of data) expect(lengthOf(embedding)).toBeCloseTo(1, 5)
    expect(usage.total_tokens).toBeGreaterThan(2)
    const floats = await client().embeddings.create({ model: 'vectors', input, encoding_format: 'float' })
    const cut = await client().embeddings.create({ model: 'vectors', input: input[1] ?? '', dimensions: 64 })
    const part = data[1]?.embedding.slice(0, 64) ?? []
    for (const [i, value] of part.entries()) expect(cut.data[0]?.embedding[i]).toBeCloseTo(value / lengthOf(part), 4)
    for (const [i, value] of (data[0]?.embedding ?? []).entries()) expect(floats.data[0]?.embedding[i]).toBeCloseTo(value, 4)
    const ofGguf = await client().embeddings.create({ model: 'vectors.gguf', input: [[1, 2, 3], [5]] })
    expect(ofGguf.data.map(({ embedding }) => lengthOf(embedding))).toEqual([expect.closeTo(1, 5), expect.closeTo(1, 5)])
    await expect(client().embeddings.create({ model: 'ember', input })).rejects.toMatchObject({ status: 400, param: 'model' })
  })
  test('sees refusals as typed errors', async () => {
    await expect(client().chat.completions.create({ model: 'none', messages })).rejects.toBeInstanceOf(NotFoundError)
    const schema = { type: 'object', properties: { a: { type: 'string', pattern: 'x' } } }
    const refused = client().chat.completions.create({
      model: 'ember',
      messages,
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema } },
    })
    await expect(refused).rejects.toMatchObject({ status: 400, param: 'response_format.json_schema.schema.properties.a.pattern' })
  })
  test('calls a tool of itself, whole and streamed', async () => {
    const request = { model: 'caller', messages, tools: [TOOL] }
    const whole = await client().chat.completions.create(request)
    expect(whole.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'I shall keep that.' } })
    const streamed = await client().chat.completions.stream(request).finalChatCompletion()
    for (const { message } of [...whole.choices, ...streamed.choices]) {
      const call = message.tool_calls?.[0]
      expect(call?.type === 'function' && JSON.parse(call.function.arguments)).toEqual(ANN)
    }
  })
  test('an abort ends the answer on the ring', async () => {
    const stream = await client().chat.completions.create({ model: 'endless', messages, stream: true })
    for await (const { choices } of stream) if (choices[0]?.delta.content) break
    stream.controller.abort()
    await server().givenUp()
  })
  test('a refusal with a time is tried again', async () => {
    const asking = (maxRetries: number) => () => client({ maxRetries }).chat.completions.create({ model: 'ember', messages })
    expect((await server().refusedOnce(asking(2))).choices[0]?.message.content).toBe(GREETING)
    await expect(server().refusedOnce(asking(0))).rejects.toBeInstanceOf(RateLimitError)
  })
}
