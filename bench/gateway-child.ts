/** A gateway in a process of its own over a ring that is a stub: a network whose only device answers every job with frames, a token a tick. */
import { createServer } from 'node:http'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createGateway, HTTP_LIMITS } from '../api-gateway/gateway.ts'
import { createRunningJobs } from '../api-gateway/jobs/running-jobs.ts'
import { createLog } from '../api-gateway/log.ts'
import { createModelCatalog } from '../api-gateway/model-catalog.ts'
import { createPromptEncoder } from '../api-gateway/prompt-encoder.ts'
import { createUploads } from '../api-gateway/uploads.ts'
import { memoryAccess } from '../tests/harness/access.ts'
import { createRingClient } from '../core/client/ring-client.ts'
import { viewOf, type ClusterView } from '../core/cluster/cluster-view.ts'
import type { Network } from '../core/cluster/network.ts'
import { IDLE_STATUS, type PeerEntry, type Placement } from '../protocol/cluster.ts'
import { modelId, peerId, type SequenceId } from '../protocol/ids.ts'
import { decodeFrame, encodeFrame } from '../protocol/ring.ts'
import { systemClock } from '../runtime/system-clock.ts'

export type GatewayChildReport =
  | { readonly type: 'listening'; readonly url: string }
  /** Since the process began. Heap after a collection. */
  | { readonly type: 'figures'; readonly cpuMs: number; readonly heapBytes: number; readonly residentBytes: number; readonly stubTokens: number }

const MODEL = modelId('ember')
const DEVICE = peerId('stub-device')
const LAYERS = { startLayer: 0, endLayer: 8, weightFormat: 'f32' } as const
const PLACEMENT: Placement = {
  model: MODEL,
  source: '/models/ember',
  epoch: 1,
  strategy: 'latency',
  quality: 'balanced',
  announcer: DEVICE,
  numLayers: 8,
  contextLength: 1024,
  handoff: 'f32',
  shards: [{ peerId: DEVICE, ...LAYERS, first: true, last: true }],
  spares: [],
  explanation: [],
  problem: null,
}
const STUB: PeerEntry = {
  id: DEVICE,
  name: 'stub',
  role: 'device',
  joined: 1,
  capabilities: { backend: 'simd', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1e9, threads: 1, hardware: 'none' },
  status: {
    ...IDLE_STATUS,
    state: 'serving',
    shards: [{ model: MODEL, epoch: 1, ...LAYERS, state: 'ready', phase: 'ready', loadedBytes: 1, totalBytes: 1, heldBytes: 1 }],
  },
}
/** What a ring of one says of each lap. */
const HOPS = [{ queueMs: 0.1, computeMs: 5.2, readBackMs: 0.8, sendMs: 0.2 }]

type Answer = { readonly sequence: SequenceId; readonly maxTokens: number; index: number }

/** @param tickMs between two tokens of an answer @param tokenIdAt what is "sampled" */
function stubNetwork(tickMs: number, tokenIdAt: (index: number) => number): { readonly network: Network; readonly tokens: () => number } {
  const view: ClusterView = viewOf([STUB], [], [PLACEMENT])
  const listeners = new Set<(from: typeof DEVICE, bytes: Uint8Array) => void>()
  const answers = new Map<SequenceId, Answer>()
  let tokens = 0
  const tell = (answer: Answer): void => {
    const { sequence, maxTokens } = answer
    const index = answer.index++
    const finish = index + 1 === maxTokens ? 'length' : null
    if (finish) answers.delete(sequence)
    tokens += 1
    const bytes = encodeFrame({
      type: 'token',
      sequence,
      epoch: 1,
      index,
      tokenId: tokenIdAt(index),
      finish,
      hops: HOPS,
      cached: 0,
      more: false,
      logprobs: null,
    })
    for (const listener of listeners) listener(DEVICE, bytes)
  }
  // Answers come spread over the tick, as from a ring at work.
  const slots = 10
  let slot = 0
  setInterval(() => {
    slot = (slot + 1) % slots
    let i = 0
    for (const answer of [...answers.values()]) if (i++ % slots === slot) tell(answer)
  }, tickMs / slots)
  const nothing = (): (() => void) => () => undefined
  return {
    tokens: () => tokens,
    network: {
      self: peerId('gateway-bench'),
      view: () => view,
      onView: nothing,
      send: async (_, bytes) => {
        const frame = decodeFrame(bytes)
        if (frame.type === 'job') answers.set(frame.sequence, { sequence: frame.sequence, maxTokens: frame.job.maxTokens, index: 0 })
        if (frame.type === 'release') answers.delete(frame.sequence)
      },
      dial: () => undefined,
      onFrame: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      isOnline: () => true,
      isLinked: () => true,
      onLink: nothing,
      probe: () => undefined,
      pulse: () => undefined,
      onProgress: () => () => undefined,
      publishStatus: () => undefined,
      announce: () => undefined,
      wish: () => undefined,
      unwish: () => undefined,
    },
  }
}

const [tickMs = '50', running = '512', waiting = '512'] = process.argv.slice(2)
const { network, tokens } = stubNetwork(Number(tickMs), (index) => 300 + ((index * 37) % 1000))
const client = createRingClient({ network, timer: systemClock.timer, now: systemClock.now, randomId: () => randomBytes(8).toString('hex') })
const nowhere = { ask: () => undefined, become: () => undefined, drop: () => undefined, forget: () => undefined }
const app = createGateway({
  backend: { complete: client.complete, embed: client.embed, serving: client.serving, view: network.view },
  models: createModelCatalog({ folders: [path.join(import.meta.dirname, '../models')] }),
  encoder: createPromptEncoder(),
  wishes: nowhere,
  cards: { list: async () => [], card: () => Promise.reject(new Error('no cards here')) },
  uploads: createUploads(path.join(tmpdir(), 'ringlet-no-uploads'), async () => false),
  devices: { pause: () => undefined, waiting: () => [], approve: () => false, remove: () => undefined },
  addresses: () => ({ addresses: [], secure: true, trust: null }),
  keepsPrefixes: false,
  running: createRunningJobs(),
  defaultModel: MODEL,
  access: memoryAccess([]),
  hosts: { isLoopbackOnly: true, names: [] },
  origins: [],
  log: createLog('error'),
  staticDir: null,
  weightOrigins: [],
  hub: null,
  admission: { running: Number(running), waiting: Number(waiting) },
})
const server = createServer(HTTP_LIMITS, app)
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  process.send?.({ type: 'listening', url: `http://127.0.0.1:${address.port}` } satisfies GatewayChildReport)
})
process.on('message', () => {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { heapUsed, rss } = process.memoryUsage()
  process.send?.({
    type: 'figures',
    cpuMs: (user + system) / 1000,
    heapBytes: heapUsed,
    residentBytes: rss,
    stubTokens: tokens(),
  } satisfies GatewayChildReport)
})
