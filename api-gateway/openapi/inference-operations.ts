/** Routes that ask a model, in every dialect. */
import { countBodySchema, messagesBodySchema } from '../dialects/anthropic.ts'
import { embeddingsBodySchema } from '../dialects/openai-embeddings.ts'
import { ollamaChatSchema, ollamaGenerateSchema } from '../dialects/ollama.ts'
import { chatBodySchema } from '../dialects/openai-chat.ts'
import { completionBodySchema } from '../dialects/openai-completions.ts'
import { responsesBodySchema } from '../dialects/responses.ts'
import { ollamaModelSchema } from '../routes/ollama.ts'
import { streamQuerySchema } from '../routes/streams.ts'
import { detokenizeSchema, tokenizeSchema } from '../routes/tokens.ts'
import { EVENTS, LINES, type Operation } from './operation.ts'

const MESSAGES = [{ role: 'user', content: 'Hello!' }] as const
const CHAT = { model: 'ember', messages: MESSAGES, max_tokens: 16 } as const

const OPENAI: readonly Operation[] = [
  ...['/v1/chat/completions', '/chat/completions'].map((path): Operation => ({
    method: 'POST',
    path,
    tag: 'OpenAI',
    summary: 'Answers a conversation',
    body: chatBodySchema,
    example: { ...CHAT, temperature: 0, stream: true, stream_options: { include_usage: true } },
    gives: EVENTS,
  })),
  {
    method: 'POST',
    path: '/v1/completions',
    tag: 'OpenAI',
    summary: 'Goes on with a text, or with tokens',
    body: completionBodySchema,
    example: { model: 'ember', prompt: 'Once upon a time', max_tokens: 8 },
    gives: EVENTS,
  },
  {
    method: 'POST',
    path: '/v1/responses',
    tag: 'OpenAI',
    summary: 'Answers items of input, and keeps the answer for a while',
    body: responsesBodySchema,
    example: { model: 'ember', input: 'Hello!', max_output_tokens: 16 },
    gives: EVENTS,
  },
  { method: 'GET', path: '/v1/responses/:id', tag: 'OpenAI', summary: 'A response that is kept' },
  { method: 'DELETE', path: '/v1/responses/:id', tag: 'OpenAI', summary: 'Forgets a response' },
  {
    method: 'POST',
    path: '/v1/embeddings',
    tag: 'OpenAI',
    summary: 'Vectors of texts, from models of embeddings; others are refused by name, as this one is',
    body: embeddingsBodySchema,
    example: { model: 'ember', input: 'Hello!' },
    status: 400,
  },
  { method: 'GET', path: '/v1/models', tag: 'OpenAI', summary: 'Models that can be asked' },
  { method: 'GET', path: '/v1/models/*id', tag: 'OpenAI', summary: 'One of them' },
  { method: 'POST', path: '/v1/cancel/:id', tag: 'Running answers', summary: 'Ends the answer with that id' },
]

const ANTHROPIC: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/messages',
    tag: 'Anthropic',
    summary: 'Answers a conversation',
    body: messagesBodySchema,
    example: { ...CHAT, system: 'Be brief.' },
    gives: EVENTS,
  },
  {
    method: 'POST',
    path: '/v1/messages/count_tokens',
    tag: 'Anthropic',
    summary: 'Counts the tokens of a prompt',
    body: countBodySchema,
    example: { model: 'ember', messages: MESSAGES },
  },
]

const OLLAMA: readonly Operation[] = [
  {
    method: 'POST',
    path: '/api/chat',
    tag: 'Ollama',
    summary: 'Answers a conversation',
    body: ollamaChatSchema,
    example: { model: 'ember', messages: MESSAGES, options: { num_predict: 16 } },
    gives: LINES,
  },
  {
    method: 'POST',
    path: '/api/generate',
    tag: 'Ollama',
    summary: 'Goes on with a text',
    body: ollamaGenerateSchema,
    example: { model: 'ember', prompt: 'Hello!', options: { num_predict: 16 } },
    gives: LINES,
  },
  {
    method: 'POST',
    path: '/api/pull',
    tag: 'Ollama',
    summary: 'Has devices load a model, and tells how far they are',
    body: ollamaModelSchema,
    example: { model: 'ember', stream: false },
    gives: LINES,
  },
  { method: 'POST', path: '/api/show', tag: 'Ollama', summary: 'What a model is', body: ollamaModelSchema, example: { model: 'ember' } },
  { method: 'GET', path: '/api/tags', tag: 'Ollama', summary: 'Models that can be asked' },
  { method: 'GET', path: '/api/ps', tag: 'Ollama', summary: 'Models that a ring serves' },
  { method: 'GET', path: '/api/version', tag: 'Ollama', summary: 'Version of this server' },
  { method: 'GET', path: '/', tag: 'Ollama', summary: '"Ollama is running", to clients that want no page', gives: ['text/plain', 'text/html'] },
]

const TOKENS: readonly Operation[] = [
  {
    method: 'POST',
    path: '/tokenize',
    tag: 'Tokens',
    summary: 'Token ids of a text or of a conversation',
    body: tokenizeSchema,
    example: { model: 'ember', content: 'Hello!', with_pieces: true },
  },
  {
    method: 'POST',
    path: '/detokenize',
    tag: 'Tokens',
    summary: 'Text of token ids',
    body: detokenizeSchema,
    example: { model: 'ember', tokens: [300, 301] },
  },
  {
    method: 'POST',
    path: '/apply-template',
    tag: 'Tokens',
    summary: 'A conversation as the model reads it',
    body: chatBodySchema,
    example: { model: 'ember', messages: MESSAGES },
  },
]

const STREAMS: readonly Operation[] = [
  {
    method: 'GET',
    path: '/v1/stream',
    tag: 'Running answers',
    summary: 'Goes on with a stream that was asked for with the header X-Conversation-Id, from a byte',
    query: streamQuerySchema,
    gives: ['text/event-stream'],
  },
  { method: 'DELETE', path: '/v1/stream', tag: 'Running answers', summary: 'Ends such a stream', query: streamQuerySchema, status: 204, gives: [] },
  { method: 'GET', path: '/slots', tag: 'Running answers', summary: 'What runs and what waits' },
  { method: 'GET', path: '/load', tag: 'Running answers', summary: 'How many requests are here' },
]

export const INFERENCE_OPERATIONS: readonly Operation[] = [...OPENAI, ...ANTHROPIC, ...OLLAMA, ...TOKENS, ...STREAMS]
