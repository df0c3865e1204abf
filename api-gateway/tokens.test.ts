import { expect, test } from 'vitest'
import { ember, errorOf, USER } from '../tests/harness/chat.ts'
import { startGateway } from '../tests/harness/gateway.ts'

test('/tokenize and /detokenize are the model’s own, there and back, with pieces where asked', async () => {
  await using gateway = await startGateway()
  const content = 'Hello, wörld 👩‍🚀!'
  const tokens = await (await gateway.post('/tokenize', { content })).json()
  expect(tokens).toEqual({ tokens: ember.encode(content, false), count: ember.encode(content, false).length, max_model_len: 1024 })
  const ids = ember.encode(content, false)
  expect(await (await gateway.post('/detokenize', { model: 'ember', tokens: ids })).json()).toMatchObject({ content })
  expect(await (await gateway.post('/tokenize', { content: 'Hi', with_pieces: true })).json()).toMatchObject({
    tokens: ember.encode('Hi', false).map((id) => ({ id, piece: expect.any(String) })),
  })
  expect(await (await gateway.post('/tokenize', { model: 'ember', messages: USER })).json()).toMatchObject({ tokens: ember.encodeChat(USER) })
})

test('/apply-template shows the prompt that a chat would have', async () => {
  await using gateway = await startGateway()
  const { prompt } = await (await gateway.post('/apply-template', { model: 'ember', messages: USER })).json()
  expect(prompt).toBe(ember.renderChat(USER))
  expect(ember.encode(prompt, false)).toEqual(ember.encodeChat(USER))
})

test.each([
  ['/tokenize', {}, 'content'],
  ['/tokenize', { content: 5 }, 'content'],
  ['/detokenize', { tokens: [4096] }, 'tokens'],
  ['/detokenize', {}, 'tokens'],
  ['/apply-template', { model: 'ember' }, 'messages'],
] as const)('%s of %j is 400 naming %s', async (path, body, param) => {
  await using gateway = await startGateway()
  const response = await gateway.post(path, body)
  expect(response.status).toBe(400)
  expect((await errorOf(response)).param).toBe(param)
})
