/** Switches of a request that the model's chat template reads. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { startGateway } from '../tests/harness/gateway.ts'
import { writeTextModel } from '../tests/harness/text-model.ts'
import { createModelCatalog } from './model-catalog.ts'

const root = mkdtempSync(path.join(tmpdir(), 'ringlet-switches-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const TEMPLATE = "{{ messages[0].content }}{% if enable_thinking is false %} quiet{% endif %} {{ reasoning_effort }} {{ style | default('plain') }}"
writeTextModel(path.join(root, 'thinker'), TEMPLATE)

const models = createModelCatalog({ folders: [root] })
const BODY = { model: 'thinker', messages: [{ role: 'user', content: 'Hi' }] }

test('enable_thinking, reasoning_effort and chat_template_kwargs reach the template', async () => {
  await using gateway = await startGateway({ answer: () => [300] }, { models })
  const text = await models.text(await models.find('thinker'))
  const promptOf = async (fields: object): Promise<string> => {
    expect((await gateway.post('/v1/chat/completions', { ...BODY, ...fields })).status).toBe(200)
    return text.decode(gateway.backend.requests.at(-1)?.promptIds ?? [])
  }
  expect(await promptOf({})).toBe('Hi  plain')
  expect(await promptOf({ enable_thinking: true, reasoning_effort: 'low' })).toBe('Hi low plain')
  expect(await promptOf({ enable_thinking: false, chat_template_kwargs: { style: 'odd' } })).toBe('Hi quiet  odd')
  expect(await promptOf({ chat_template_kwargs: { enable_thinking: false }, enable_thinking: null })).toBe('Hi quiet  plain')
})

test('a switch that the template never reads is refused by name, and so is one that would replace what the request says', async () => {
  await using gateway = await startGateway({ answer: () => [300] }, { models })
  const refusal = async (body: object): Promise<object> => {
    const response = await gateway.post('/v1/chat/completions', body)
    const { error } = (await response.json()) as { error: { code: string; param: string } }
    return { status: response.status, code: error.code, param: error.param }
  }
  expect(await refusal({ ...BODY, chat_template_kwargs: { thinking_budget: 9 } })).toEqual({
    status: 400,
    code: 'unsupported_field',
    param: 'chat_template_kwargs.thinking_budget',
  })
  expect(await refusal({ ...BODY, chat_template_kwargs: { messages: [] } })).toEqual({
    status: 400,
    code: 'invalid_value',
    param: 'chat_template_kwargs.messages',
  })
  expect(await refusal({ ...BODY, enable_thinking: 'no' })).toMatchObject({ status: 400, code: 'invalid_value', param: 'enable_thinking' })
})
