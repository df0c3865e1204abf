/** Official clients, unmodified, against a whole server on whose ring models run: chat, stream, tools, structured output, abort, errors, retries. */
import { afterAll, beforeAll, describe } from 'vitest'
import { anthropicSuite } from './anthropic.suite.ts'
import { startClientServer, type ClientServer } from './client-server.ts'
import { langchainSuite } from './langchain.suite.ts'
import { ollamaSuite } from './ollama.suite.ts'
import { openaiSuite } from './openai.suite.ts'
import { openResponsesSuite } from './open-responses.suite.ts'
import { openaiPythonSuite } from './openai-python.suite.ts'
import { vercelAiSuite } from './vercel-ai.suite.ts'

let started: ClientServer
beforeAll(async () => {
  started = await startClientServer()
})
afterAll(() => started.close())
const server = (): ClientServer => started

describe('openai', () => openaiSuite(server))
describe('openai for Python', () => openaiPythonSuite(server))
describe('Open Responses', () => openResponsesSuite(server))
describe('@anthropic-ai/sdk', () => anthropicSuite(server))
describe('ollama', () => ollamaSuite(server))
describe('ai with @ai-sdk/openai-compatible', () => vercelAiSuite(server))
describe('@langchain/openai', () => langchainSuite(server))
