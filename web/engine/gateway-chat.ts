/** Chat answers by way of the server that this page came from. An answer with a name goes on without this page, and can be read again. */
import { ClusterError } from '../../protocol/errors.ts'
import { createChunkReader, failureOf } from './chat-chunks.ts'
import type { ChatEvent, ChatMessage, ChatRequest } from './page-engine.ts'
import { createSseReader } from './sse-events.ts'

export type GatewayChat = {
  /** @throws {ClusterError} link_closed: the server cannot be reached; all that a server answers */
  readonly ask: (request: ChatRequest) => AsyncIterable<ChatEvent>
  /** A named answer from its beginning, then as it goes on. @throws {ClusterError} route_not_found: it is not kept any more; link_closed */
  readonly resume: (conversation: string, signal: AbortSignal) => AsyncIterable<ChatEvent>
}
export type GatewayChatOptions = {
  readonly fetcher: typeof fetch
  /** What is sent with a call, where the page has one: a server with API keys asks for it. */
  readonly keyOf: () => string | null
  /** Resolves after the delay. */
  readonly pause: (ms: number) => Promise<void>
}

/** Waits before a stream that broke off is asked for again. */
const RETRY_MS = [250, 1000, 2000, 4000]
/** Likeliest tokens told with each token. */
const TOP_CHANCES = 5

const messageBody = ({ role, content, reasoning, calls, callId }: ChatMessage): object => ({
  role,
  content,
  ...(reasoning ? { reasoning_content: reasoning } : {}),
  ...(calls && calls.length > 0
    ? { tool_calls: calls.map(({ id, name, arguments: text }) => ({ id, type: 'function', function: { name, arguments: text } })) }
    : {}),
  ...(callId === undefined ? {} : { tool_call_id: callId }),
})

/** The body of a chat completion. What is null is left to the model. */
export function bodyOf({ model, messages, sampling = {}, maxTokens, tools, chances }: ChatRequest): object {
  const fields = {
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    min_p: sampling.minP,
    repetition_penalty: sampling.repetitionPenalty,
    presence_penalty: sampling.presencePenalty,
    frequency_penalty: sampling.frequencyPenalty,
    seed: sampling.seed,
    max_completion_tokens: maxTokens,
  }
  return {
    model,
    messages: messages.map(messageBody),
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: true },
    return_progress: true,
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)),
    ...(tools && tools.length > 0 ? { tools } : {}),
    ...(chances ? { logprobs: true, top_logprobs: TOP_CHANCES } : {}),
  }
}

const stopped = (): ClusterError => new ClusterError('cancelled', 'the answer was stopped')

export function createGatewayChat({ fetcher, keyOf, pause }: GatewayChatOptions): GatewayChat {
  async function call(path: string, init: RequestInit & { readonly headers?: Record<string, string> }): Promise<Response> {
    const key = keyOf()
    const headers = { ...init.headers, ...(key === null ? {} : { authorization: `Bearer ${key}` }) }
    const response = await fetcher(path, { ...init, headers }).catch((cause: unknown) => {
      if (init.signal?.aborted) throw stopped()
      throw new ClusterError('link_closed', 'the server does not answer', { cause })
    })
    if (response.ok) return response
    throw failureOf(await response.json().catch(() => null), `the server answered with status ${response.status}`)
  }
  const streamPath = (conversation: string, from = 0): string => `/v1/stream?conv_id=${encodeURIComponent(conversation)}&from=${from}`

  /** Reads to the end. A named stream that breaks off is asked for again from where it broke. */
  async function* read(first: Response, signal: AbortSignal, conversation: string | null): AsyncGenerator<ChatEvent, void, undefined> {
    const bytes = createSseReader()
    const chunks = createChunkReader()
    let response: Response | null = first
    let failures = 0
    while (response) {
      const body = response.body?.getReader()
      try {
        for (let piece = await body?.read(); piece && !piece.done; piece = await body?.read()) {
          failures = 0
          for (const event of bytes.push(piece.value)) {
            for (const shown of chunks.push(event)) {
              yield shown
              if (shown.type === 'done') return
            }
          }
        }
      } catch (error) {
        if (signal.aborted) throw stopped()
        if (error instanceof ClusterError) throw error
      } finally {
        body?.cancel().catch(() => undefined)
      }
      if (conversation === null) break
      response = null
      yield { type: 'pause', reason: 'The connection to the server broke. Trying again…' }
      while (!response && failures < RETRY_MS.length) {
        await pause(RETRY_MS[failures++] ?? 0)
        if (signal.aborted) throw stopped()
        response = await call(streamPath(conversation, bytes.bytes()), { signal }).catch((error: unknown) => {
          if (error instanceof ClusterError && error.code === 'link_closed') return null
          throw error
        })
      }
    }
    throw new ClusterError('link_closed', 'the connection to the server broke')
  }

  /** A stop reaches the devices even though the server would go on without this page. */
  async function* stoppable(
    conversation: string | undefined,
    signal: AbortSignal,
    events: AsyncIterable<ChatEvent>,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const onStop = (): void => {
      if (conversation === undefined) return
      // Nothing is left to do when the server has forgotten it, or is gone.
      call(streamPath(conversation), { method: 'DELETE', keepalive: true }).catch(() => undefined)
    }
    signal.addEventListener('abort', onStop, { once: true })
    try {
      yield* events
    } finally {
      signal.removeEventListener('abort', onStop)
    }
  }

  async function* ask(request: ChatRequest): AsyncGenerator<ChatEvent, void, undefined> {
    const { conversation, signal } = request
    const headers = { 'content-type': 'application/json', ...(conversation === undefined ? {} : { 'x-conversation-id': conversation }) }
    const response = await call('/v1/chat/completions', { method: 'POST', headers, body: JSON.stringify(bodyOf(request)), signal })
    yield* read(response, signal, conversation ?? null)
  }
  async function* resume(conversation: string, signal: AbortSignal): AsyncGenerator<ChatEvent, void, undefined> {
    yield* read(await call(streamPath(conversation), { signal }), signal, conversation)
  }
  return {
    ask: (request) => stoppable(request.conversation, request.signal, ask(request)),
    resume: (conversation, signal) => stoppable(conversation, signal, resume(conversation, signal)),
  }
}
