/** The page's engine: a worker that computes, a host that holds sockets and links, and one state that elements render. */
import { EMPTY_VIEW } from '../../core/cluster/cluster-view.ts'
import { eventQueue, type EventQueue } from '../../core/client/event-queue.ts'
import { ClusterError, fromWireError, toClusterError, toWireError } from '../../protocol/errors.ts'
import type { PeerRole } from '../../protocol/cluster.ts'
import type { Hello, Order } from '../../protocol/signaling.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'
import type { PeerHost } from '../../runtime/ports/peer-host.ts'
import type { EngineToHost, HostToEngine, Port } from '../../runtime/ports/peer-port.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { createStoredModels } from '../storage/stored-models.ts'
import { createPagePeerHost } from '../transport/peer-host.ts'
import { createDeviceTracker } from './device-state.ts'
import type { EngineToPage, PageOpening, PageToEngine } from './engine-messages.ts'
import { openContributionBook } from './contribution.ts'
import { browserParts, createHoldBack } from './hold-back.ts'
import { openIdentity, randomHex, type Identity } from './identity.ts'
import { createEngineQuestions } from './engine-questions.ts'
import type { ChatEvent, ChatRequest, Connection, LendOptions, PageEngine } from './page-engine.ts'
import { createGpuRecovery } from './gpu-recovery.ts'
import { createPageLife, toneOf } from './page-life.ts'
import { createLendingTabs } from './lending-tabs.ts'
import { browserStore, keptMeasurements, keepMeasurements } from './kept-measurements.ts'
import { candidatesFrom, displayName, probeHardware } from './probe.ts'

export type PageEngineOptions = {
  /** `device` on the contribute page: on the roster from the start, lending once its person says so. A client becomes one by lending. */
  readonly role: Extract<PeerRole, 'device' | 'client'>
  readonly name: string
  /** Join token or API key from the link, if any. */
  readonly token: string | null
}

type Asking = { readonly events: EventQueue<ChatEvent> }

/** Starts the worker and connects at once. */
export function createPageEngine(options: PageEngineOptions): PageEngine {
  const worker = new Worker(new URL('./engine-worker.ts', import.meta.url), { type: 'module', name: 'ringlet-engine' })
  const channel = new MessageChannel()
  const opening: PageOpening = { type: 'page-port', token: options.token }
  worker.postMessage(opening, [channel.port2])
  const page = channel.port1
  const tell = (message: PageToEngine): void => page.postMessage(message)
  const listeners = new Set<() => void>()
  const changed = (): void => {
    for (const listener of [...listeners]) listener()
  }
  const port: Port<EngineToHost, HostToEngine> = {
    post: (message, transfer = []) => {
      worker.postMessage(message, { transfer: [...transfer] })
      // The host has its new view by the time it tells the engine.
      if (message.type === 'welcome' || message.type === 'cluster') changed()
    },
    onMessage: (listener) => worker.addEventListener('message', (event: MessageEvent<EngineToHost>) => listener(event.data)),
  }
  const stored = createStoredModels({ tell, storage: navigator.storage })
  const tracker = createDeviceTracker(() => performance.now())
  const asking = new Map<number, Asking>()
  const questions = createEngineQuestions(tell)
  const contributions = openContributionBook(browserStore())
  let connection: Connection = { state: 'connecting' }
  let host: PeerHost | null = null
  let name = displayName(options.name)
  let role: PeerRole = options.role
  let counter = 0
  let lent: LendOptions | null = null
  const recoverGpu = createGpuRecovery(() => performance.now())
  const life = createPageLife({
    document,
    locks: 'locks' in navigator ? navigator.locks : null,
    wakeLock: 'wakeLock' in navigator ? navigator.wakeLock : null,
    openTone: toneOf(window),
    onChange: ({ visibility }) => {
      tell({ type: 'visibility', visibility })
      changed()
    },
  })

  const tabs = createLendingTabs({
    channel: new BroadcastChannel('ringlet-lending'),
    timer: systemClock.timer,
    // Over plain http there is no randomUUID.
    self: randomHex(8),
    onTaken: async () => {
      const given = lent
      await leave(true)
      tracker.notice('Another tab of this browser has taken over.')
      changed()
      return given
    },
    onChange: changed,
  })
  addEventListener('pagehide', tabs.close, { once: true })
  const holdBack = createHoldBack({
    store: browserStore(),
    parts: browserParts(),
    pause: (paused) => tell({ type: 'pause', paused }),
    onChange: (holds) => {
      tracker.holds(holds)
      changed()
    },
  })

  const helloOf = (identity: Identity): Hello => ({
    version: PROTOCOL_VERSION,
    id: identity.id,
    secret: identity.secret,
    ...identity.signed,
    name,
    role,
    capabilities: null,
    ...(options.token ? { token: options.token } : {}),
  })
  const identity = openIdentity()
  void identity.then((known) => {
    const onOrder = ({ paused }: Order): void => {
      holdBack.setPaused(paused)
      tracker.notice(
        paused ? 'Whoever runs this cluster has paused this device. You may resume it.' : 'Whoever runs this cluster let this device go on.',
      )
      changed()
    }
    const onConnection = (next: Connection): void => {
      connection = next
      changed()
    }
    const { vouching } = known
    host = createPagePeerHost({ hello: helloOf(known), port, onConnection, onOrder, ...(vouching ? { vouching } : {}) })
  })

  function handle(message: EngineToPage): void {
    switch (message.type) {
      case 'device':
        tracker.report(message)
        if (message.lending === 'off') holdBack.setPaused(false)
        life.setServing(message.lending === 'on')
        tabs.setLending(message.lending === 'on' || message.lending === 'paused')
        changed()
        return
      case 'lends':
        tracker.lends(message.capabilities)
        changed()
        return
      case 'measured':
        keepMeasurements(message.known)
        return
      case 'notice':
        tracker.notice(message.sentence)
        changed()
        return
      case 'gpu-lost':
        return onGpuLost()
      case 'estimate':
      case 'estimate-failed':
      case 'preview':
      case 'preview-failed':
      case 'left':
        return questions.handle(message)
      case 'files':
        tracker.files(message.model, message.files)
        changed()
        return
      case 'work':
        contributions.add(tracker.work(message.given))
        changed()
        return
      case 'storage':
      case 'models':
      case 'models-failed':
        stored.handle(message)
        return
      case 'chat':
        asking.get(message.ask)?.events.push(message.event)
        return
      case 'chat-failed':
        asking.get(message.ask)?.events.fail(fromWireError(message.error))
        return
    }
  }
  page.addEventListener('message', (event: MessageEvent<EngineToPage>) => handle(event.data))
  page.start()
  worker.addEventListener('error', (event) => {
    const error = new ClusterError('internal', `the engine stopped: ${event.message}`)
    tracker.failed(toWireError(error))
    for (const { events } of asking.values()) events.fail(error)
    stored.fail(error)
    questions.failAll(error)
    changed()
  })

  function onGpuLost(): void {
    if (!lent) return
    const { options: next, sentence } = recoverGpu(lent)
    void lend(next).then(() => {
      tracker.notice(sentence)
      changed()
    })
  }

  const trialOf = async (wanted: LendOptions) => ({
    candidates: candidatesFrom(await probeHardware(), wanted),
    known: keptMeasurements(),
    machine: navigator.userAgent,
  })

  async function leave(now = false): Promise<void> {
    lent = null
    await questions.leave(now)
  }

  /** Models are kept by the addresses of their checkpoints. */
  async function cancelDownload(): Promise<void> {
    const view = host?.view() ?? EMPTY_VIEW
    const models = tracker
      .state()
      .shards.filter(({ state }) => state !== 'ready')
      .map(({ model }) => model)
    const sources = models.flatMap((model) => view.placements.get(model)?.source ?? view.wishes.get(model)?.source ?? [])
    const addresses = new Set(sources.map((source) => new URL(source, location.origin).href))
    await leave(true)
    for (const { id, address } of await stored.models.list()) if (addresses.has(address)) await stored.models.remove(id)
  }

  async function lend(wanted: LendOptions): Promise<void> {
    lent = wanted
    tracker.starting()
    changed()
    try {
      if (displayName(wanted.name) !== name || role !== 'device') {
        name = displayName(wanted.name)
        role = 'device'
        host?.rename(helloOf(await identity))
      }
      tell({ type: 'lend', share: holdBack.limits().share, ...(await trialOf(wanted)) })
    } catch (error) {
      tracker.failed(toWireError(toClusterError(error)))
      changed()
    }
  }

  async function* ask(request: ChatRequest): AsyncGenerator<ChatEvent, void, undefined> {
    counter += 1
    const id = counter
    const events = eventQueue<ChatEvent>()
    const onAbort = (): void => {
      tell({ type: 'cancel', ask: id })
      events.fail(new ClusterError('cancelled', 'the answer was stopped'))
    }
    asking.set(id, { events })
    request.signal.addEventListener('abort', onAbort, { once: true })
    if (request.signal.aborted) onAbort()
    const { signal: _, ...plain } = request
    tell({ type: 'ask', ask: id, request: plain })
    let done = false
    try {
      while (!done) {
        const event = await events.next()
        done = event.type === 'done'
        yield event
      }
    } finally {
      request.signal.removeEventListener('abort', onAbort)
      asking.delete(id)
      if (!done) tell({ type: 'cancel', ask: id })
    }
  }

  return {
    view: () => host?.view() ?? EMPTY_VIEW,
    connection: () => connection,
    device: tracker.state,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    probe: probeHardware,
    lend,
    estimate: async (wanted) => questions.estimate(await trialOf(wanted)),
    preview: questions.preview,
    pause: () => holdBack.setPaused(true),
    resume: () => holdBack.setPaused(false),
    limits: holdBack.limits,
    setLimits: async (wanted) => {
      await holdBack.setLimits(wanted)
      tell({ type: 'share', share: holdBack.limits().share })
    },
    limitsKnown: holdBack.knows,
    contributed: contributions.total,
    cancelDownload,
    life: life.state,
    keepAwake: life.keepAwake,
    keepAudible: life.keepAudible,
    lendsElsewhere: tabs.lendsElsewhere,
    takeOver: async (otherwise) => lend((await tabs.takeOver()) ?? otherwise),
    leave,
    ask,
    prepare: (model) => tell({ type: 'prepare', model }),
    stored: stored.models,
  }
}
