/** Bodies that no client means to send, to every endpoint that reads one. FUZZ_BODIES says how many (10000 for the whole sweep), FUZZ_SEED which. */
import { expect, test } from 'vitest'
import { seededRandom } from '../harness/seeded.ts'
import { startGateway } from '../harness/gateway.ts'

const COUNT = Number(process.env['FUZZ_BODIES'] ?? 600)
const SEED = Number(process.env['FUZZ_SEED'] ?? 1)

const MESSAGES = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: [{ type: 'text', text: 'Hello!' }] },
]
const TOOL = { type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object', properties: { a: { type: 'number' } } } } }
const VALID: readonly (readonly [string, object])[] = [
  [
    '/v1/chat/completions',
    {
      model: 'ember',
      messages: MESSAGES,
      temperature: 0.5,
      stop: ['x'],
      max_tokens: 2,
      n: 1,
      logit_bias: { 5: 1 },
      stream_options: null,
      tools: [TOOL],
    },
  ],
  ['/v1/completions', { model: 'ember', prompt: ['Hello', 'there'], max_tokens: 2, echo: false, logprobs: null, seed: 7 }],
  [
    '/v1/responses',
    { model: 'ember', input: [{ role: 'user', content: 'Hi' }], max_output_tokens: 16, instructions: 'x', text: { format: { type: 'text' } } },
  ],
  [
    '/v1/messages',
    { model: 'ember', max_tokens: 2, messages: [{ role: 'user', content: 'Hi' }], system: [{ type: 'text', text: 'x' }], stop_sequences: ['y'] },
  ],
  ['/v1/messages/count_tokens', { model: 'ember', messages: [{ role: 'user', content: 'Hi' }] }],
  ['/api/chat', { model: 'ember', messages: [{ role: 'user', content: 'Hi' }], stream: false, options: { num_predict: 2, temperature: 0 } }],
  ['/api/generate', { model: 'ember', prompt: 'Hi', stream: false, options: { num_predict: 2 } }],
  ['/api/show', { model: 'ember' }],
  ['/tokenize', { model: 'ember', content: 'Hi', add_special: true, with_pieces: true }],
  ['/detokenize', { model: 'ember', tokens: [300, 301, 302] }],
  ['/apply-template', { model: 'ember', messages: MESSAGES }],
  ['/v1/embeddings', { model: 'ember', input: ['a', 'b'], encoding_format: 'float', dimensions: 8 }],
  ['/v1/cluster/placements', { model: 'ember', state: 'serve', quality: 'balanced', minDevices: 1 }],
]

type Random = () => number
const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
const JUNK: readonly ((random: Random) => unknown)[] = [
  () => null,
  () => true,
  () => -1,
  () => 1e308,
  () => 0.5,
  () => 2 ** 53,
  () => '',
  () => 'x'.repeat(3000),
  () => '\u202e\u0000\ufeff👩‍🚀',
  () => [],
  () => ({}),
  () => [[[[[null]]]]],
  () => ({ type: 'text' }),
  () => ({ role: 'user', content: { a: 1 } }),
  (random) => Array.from({ length: Math.floor(random() * 300) }, () => random()),
  (random) => pick(random, ['assistant', 'tool', 'image_url', 'json_schema', '../../etc/passwd', 'ember/../x', 'http://169.254.169.254/']),
]

/** One place somewhere in the value replaced, removed, doubled or named otherwise. */
function mutate(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random() < 0.15) return pick(random, JUNK)(random)
  if (Array.isArray(value)) {
    const at = Math.floor(random() * value.length)
    if (value.length === 0 || random() < 0.2) return [...value, pick(random, JUNK)(random)]
    return value.map((item: unknown, index) => (index === at ? mutate(item, random) : item))
  }
  const entries = Object.entries(value)
  const at = Math.floor(random() * entries.length)
  const fate = random()
  if (fate < 0.1) return Object.fromEntries(entries.filter((_, index) => index !== at))
  if (fate < 0.2)
    return {
      ...value,
      [pick(random, ['tools', 'response_format', 'stream_options', 'prediction', 'n', 'model', 'audio'])]: pick(random, JUNK)(random),
    }
  return Object.fromEntries(entries.map(([name, item], index) => [name, index === at ? mutate(item, random) : item]))
}

/** The text torn: cut, a byte turned, a piece twice. */
function tear(text: string, random: Random): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text)
  const at = Math.floor(random() * bytes.length)
  const fate = random()
  if (fate < 0.4) return bytes.slice(0, at)
  if (fate < 0.8) return bytes.map((byte, index) => (index === at ? byte ^ (1 << Math.floor(random() * 8)) : byte))
  return new Uint8Array([...bytes.slice(0, at), ...bytes.slice(Math.floor(at / 2))])
}

/** The error as its dialect says it; null when it is none. */
function typeOfError(path: string, body: unknown): string | null {
  const { error } = (body ?? {}) as { error?: unknown }
  if (path.startsWith('/api/')) return typeof error === 'string' && error !== '' ? 'text' : null
  const { type, message } = (error ?? {}) as { type?: unknown; message?: unknown }
  return typeof type === 'string' && typeof message === 'string' && message !== '' ? type : null
}

test(`${COUNT} torn and mutated bodies: each is answered, or refused with a typed 4xx, and the server lives on`, { timeout: 600_000 }, async () => {
  await using gateway = await startGateway()
  const random = seededRandom(SEED)
  const counts = new Map<number, number>()
  let slowest = 0
  for (let index = 0; index < COUNT; index++) {
    const [path, valid] = pick(random, VALID)
    let body: unknown = valid
    for (let times = Math.ceil(random() * 3); times > 0; times--) body = mutate(body, random)
    const text = JSON.stringify(body)
    const sent = random() < 0.3 ? tear(text, random) : text
    const start = performance.now()
    const response = await fetch(gateway.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: sent })
    const answer = await response.text()
    const took = performance.now() - start
    const told = { index, path, status: response.status, sent: typeof sent === 'string' ? sent.slice(0, 400) : 'torn', answer: answer.slice(0, 300) }
    counts.set(response.status, (counts.get(response.status) ?? 0) + 1)
    if (response.status < 300) continue
    slowest = Math.max(slowest, took)
    expect(told).toEqual({ ...told, status: expect.toSatisfy((status: number) => status >= 400 && status < 500) })
    const parsed: unknown = JSON.parse(answer)
    expect({ ...told, type: typeOfError(path, parsed) }).not.toEqual({ ...told, type: null })
  }
  console.log(`by status: ${JSON.stringify(Object.fromEntries(counts))}; slowest refusal ${slowest.toFixed(0)} ms`)
  expect([...counts.keys()].some((status) => status >= 400)).toBe(true)
  expect((await gateway.post('/v1/completions', { model: 'ember', prompt: 'x', max_tokens: 1 })).status).toBe(200)
})
