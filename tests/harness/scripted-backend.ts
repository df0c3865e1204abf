/** A backend without a ring: it "samples" what a script says. For tests of the gateway. */
import { viewOf, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { CompletionEvent, CompletionRequest } from '../../core/client/ring-client.ts'
import type { CompletionBackend } from '../../api-gateway/completion-backend.ts'
import { IDLE_STATUS, type PeerEntry, type Placement } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { modelId, peerId } from '../../protocol/ids.ts'
import type { TokenLogprobs } from '../../protocol/ring.ts'

const DEVICE = peerId('device-one')
const EMBER = modelId('ember')
const LAYERS = { startLayer: 0, endLayer: 8, weightFormat: 'f32' } as const

const PLACEMENT: Placement = {
  model: EMBER,
  source: '/models/ember',
  epoch: 3,
  strategy: 'memory-weighted',
  quality: 'balanced',
  announcer: DEVICE,
  numLayers: 8,
  contextLength: 1024,
  handoff: 'f32',
  shards: [{ peerId: DEVICE, ...LAYERS, first: true, last: true }],
  spares: [],
  explanation: ['one device holds it all'],
  problem: null,
}
const PEER: PeerEntry = {
  id: DEVICE,
  name: 'Test device',
  role: 'device',
  joined: 1,
  capabilities: { backend: 'wasm', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1e9, threads: 1, hardware: 'none' },
  status: {
    ...IDLE_STATUS,
    state: 'serving',
    layerMs: 2,
    shards: [{ model: EMBER, epoch: 3, ...LAYERS, state: 'ready', phase: 'ready', loadedBytes: 1, totalBytes: 1, heldBytes: 1 }],
  },
}
export const READY_VIEW: ClusterView = viewOf([PEER], [], [PLACEMENT])

export type Script = {
  /** Ids to give, then the first stop id. Default: the prompt backwards. */
  readonly answer?: (request: CompletionRequest) => readonly number[]
  /** Awaited before each token. */
  readonly beforeToken?: (index: number, request: CompletionRequest) => Promise<unknown>
  /** Thrown before the token of this index. */
  readonly failure?: { readonly index: number; readonly error: ClusterError }
  /** Tokens of the prompt that are told to be read before the first token. */
  readonly progress?: readonly number[]
  /** Tokens of each prompt that need no computing. */
  readonly cached?: number
  readonly view?: ClusterView
  /** Why nothing serves. */
  readonly notServing?: ClusterError
}

/** Of two numbers that tell the input: its length and its sum. */
async function scriptedVector({ promptIds, signal, onRing }: Parameters<CompletionBackend['embed']>[0]): Promise<Float32Array> {
  signal.throwIfAborted()
  onRing?.({ type: 'ring', placement: PLACEMENT, resumes: false })
  return Float32Array.of(
    promptIds.length,
    promptIds.reduce((sum, id) => sum + id, 0),
  )
}

export type ScriptedBackend = CompletionBackend & {
  readonly requests: readonly CompletionRequest[]
  /** Completions that have begun and not ended. */
  readonly active: () => number
  /** Milliseconds (performance.now) at which each completion saw its signal abort. */
  readonly aborts: readonly number[]
}

const untilAborted = (signal: AbortSignal): { promise: Promise<never>; stop: () => void } => {
  let stop = (): void => undefined
  const promise = new Promise<never>((_, reject) => {
    const onAbort = (): void => reject(new ClusterError('cancelled', 'the request was cancelled'))
    stop = () => signal.removeEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
  })
  promise.catch(() => undefined)
  return { promise, stop }
}

/** As if a token were as likely as its rank: itself first, then those after it. */
const scriptedLogprobs = (tokenId: number, count: number | undefined): TokenLogprobs | null =>
  count === undefined ? null : { logprob: -0.25, top: Array.from({ length: count }, (_, rank) => [tokenId + rank, -0.25 - rank]) }

export function scriptedBackend(script: Script = {}): ScriptedBackend {
  const requests: CompletionRequest[] = []
  const aborts: number[] = []
  let active = 0

  async function* complete(request: CompletionRequest): AsyncGenerator<CompletionEvent, void, undefined> {
    requests.push(request)
    if (script.notServing) throw script.notServing
    active++
    const aborted = untilAborted(request.signal)
    const onAbort = (): void => void aborts.push(performance.now())
    request.signal.addEventListener('abort', onAbort, { once: true })
    try {
      for (const processed of script.progress ?? []) yield { type: 'progress', processed, total: request.promptIds.length }
      if (script.failure?.index !== 0) yield { type: 'progress', processed: request.promptIds.length, total: request.promptIds.length }
      const ids = [...(script.answer?.(request) ?? [...request.promptIds].reverse()), request.stopIds[0] ?? 0]
      for (const [index, tokenId] of ids.entries()) {
        if (script.failure?.index === index) throw script.failure.error
        await Promise.race([script.beforeToken?.(index, request) ?? new Promise(setImmediate), aborted.promise])
        const finish = request.stopIds.includes(tokenId) ? 'stop' : index + 1 === request.maxTokens ? 'length' : null
        const logprobs = scriptedLogprobs(tokenId, request.topLogprobs)
        yield { type: 'token', index, tokenId, finish, hops: [], cached: script.cached ?? 0, logprobs }
        if (finish) return
      }
    } finally {
      aborted.stop()
      request.signal.removeEventListener('abort', onAbort)
      active--
    }
  }

  return {
    complete,
    embed: async (request) => {
      if (script.notServing) throw script.notServing
      return scriptedVector(request)
    },
    serving: () => script.notServing ?? PLACEMENT,
    view: () => script.view ?? READY_VIEW,
    requests,
    aborts,
    active: () => active,
  }
}
