/** Where answers come from: the server while there is one, else the devices themselves. */
import { toClusterError } from '../../protocol/errors.ts'
import type { GatewayChat } from './gateway-chat.ts'
import type { ChatEvent, ChatRequest, PageEngine } from './page-engine.ts'

/** What a chat asks. Every iterable ends with `done` or throws a ClusterError. */
export type ChatAnswers = {
  readonly ask: (request: ChatRequest) => AsyncIterable<ChatEvent>
  /** An answer that was begun before this page was loaded. @throws {ClusterError} route_not_found when nobody has it any more */
  readonly resume: (conversation: string, signal: AbortSignal) => AsyncIterable<ChatEvent>
}

/** The server is gone, or has no ear for this page: whoever was invited to lend may ask the devices, but not the API. */
const WITHOUT_SERVER = new Set(['link_closed', 'invalid_api_key', 'insufficient_scope', 'shutting_down'])

export function createChatAnswers(engine: Pick<PageEngine, 'ask' | 'prepare' | 'connection'>, gateway: GatewayChat): ChatAnswers {
  async function* ask(request: ChatRequest): AsyncGenerator<ChatEvent, void, undefined> {
    if (engine.connection().state === 'offline') return yield* engine.ask(request)
    engine.prepare(request.model)
    let text = ''
    let isPlain = true
    let tokens = 0
    try {
      for await (const event of gateway.ask(request)) {
        if (event.type === 'text') text += event.text
        if (event.type === 'reasoning' || event.type === 'call') isPlain = false
        if ('completionTokens' in event) tokens = event.completionTokens
        yield event
      }
    } catch (thrown) {
      const error = toClusterError(thrown)
      if (request.signal.aborted || !WITHOUT_SERVER.has(error.code) || !isPlain) throw error
      yield* withoutServer(request, text, tokens)
    }
  }

  /** The devices go on with what is there of the answer. */
  async function* withoutServer(request: ChatRequest, text: string, tokens: number): AsyncGenerator<ChatEvent, void, undefined> {
    const last = request.messages.at(-1)
    const begun =
      last?.role === 'assistant'
        ? [...request.messages.slice(0, -1), { ...last, content: last.content + text }]
        : [...request.messages, { role: 'assistant' as const, content: text }]
    const messages = text === '' ? request.messages : begun
    for await (const event of engine.ask({ ...request, messages }))
      yield 'completionTokens' in event ? { ...event, completionTokens: event.completionTokens + tokens } : event
  }

  return { ask, resume: gateway.resume }
}
