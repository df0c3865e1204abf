/**
 * The worker of a page: engine, tokenizer and sampler live here, so that the page's main thread only moves bytes and draws.
 * The worker's own port speaks with the peer host; a MessagePort that comes with the first message speaks with the page.
 */
import { createRingClient } from '../../core/client/ring-client.ts'
import { modelSizing } from '../../core/cluster/model-sizing.ts'
import { previewPlacement } from '../../core/cluster/preview.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { httpSource } from '../../core/model/http-source.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { loadText, type TextModel } from '../../core/text/text-model.ts'
import { ClusterError, toClusterError, toWireError, type WireError } from '../../protocol/errors.ts'
import { IDLE_STATUS, type Capabilities } from '../../protocol/cluster.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import { createDevice, type Device } from '../../runtime/device.ts'
import type { RunMeasurement } from '../../runtime/measure/choose-backend.ts'
import { estimateShare } from '../../runtime/measure/estimate-share.ts'
import { parseMeasurements, remembering, type Measurements } from '../../runtime/measure/known-measurements.ts'
import { chosenOf } from '../../runtime/measure/chosen-capabilities.ts'
import { systemClock as clock } from '../../runtime/system-clock.ts'
import { openPortNetwork, type PortNetwork } from '../../runtime/port-network.ts'
import type { EngineToHost, HostToEngine, Port } from '../../runtime/peer-port.ts'
import { chatStream } from './chat-stream.ts'
import type { EngineToPage, PageOpening, PageToEngine } from './engine-messages.ts'
import { onGpuLost } from './gpu.ts'
import type { Visibility } from './page-life.ts'
import { MEMORY_PIECES_BYTES } from '../storage/memory-pieces.ts'
import type { StorageState } from '../storage/model-store.ts'
import { openStorage, type Storage } from '../storage/storage.ts'
import { forgetModels } from './forget-models.ts'
import { openShardInBrowser } from './open-shard.ts'
import { loadXgrammar } from './load-xgrammar.ts'
import { log } from './log.ts'
import { heardGone, leaveInOrder } from './leave-in-order.ts'
import { meetDevices } from './meet-devices.ts'
import { runMeasurement } from './run-measurement.ts'
import { createWorkCounter } from './work-counter.ts'

const randomId = (): string => crypto.getRandomValues(new BigUint64Array(1))[0]?.toString(16).padStart(16, '0') ?? ''

const hostPort: Port<HostToEngine, EngineToHost> = {
  post: (message, transfer = []) => self.postMessage(message, { transfer: [...transfer] }),
  onMessage: (listener) => {
    // The page's port arrives as the only message that carries ports; everything else is the host's.
    self.addEventListener('message', (event: MessageEvent<HostToEngine>) => {
      if (event.ports.length === 0) listener(event.data)
    })
  },
}

/** @param token for the server that the page came from, should it ask for one */
function openSourceAs(peer: PeerId, storage: Storage, token: string | null): (source: string) => ModelSource {
  const pageOrigin = self.location.origin
  const options = {
    // What comes is kept by the engine itself. The browser's own cache would keep it twice, and asks anew for ranges that run beside each other.
    fetch: (url: string, init: RequestInit) => fetch(url, { ...init, cache: 'no-store' }),
    clock,
    random: Math.random,
    pageOrigin,
    isIsolated: self.crossOriginIsolated,
    // Only a secure context has hashes; a page that came over plain HTTP from another machine is none.
    ...(self.isSecureContext ? { sha256: (bytes: Uint8Array<ArrayBuffer>) => crypto.subtle.digest('SHA-256', bytes) } : {}),
  }
  return (source) => {
    const url = new URL(source, pageOrigin)
    const own = { ...options, peer, ...(token === null ? {} : { token }) }
    return storage.wrap(httpSource(url.href, url.origin === pageOrigin ? own : options))
  }
}

function createEngine(network: PortNetwork, page: MessagePort, token: string | null): void {
  const client = createRingClient({ network, randomId, timer: clock.timer, now: clock.now })
  const texts = new Map<string, Promise<TextModel>>()
  const asks = new Map<number, AbortController>()
  let lendings = 0
  let device: Device | null = null
  let storageState: StorageState | null = null
  let visibility: Visibility = 'visible'
  let share = 1
  let offered: Capabilities | null = null
  let isLeaving = false
  let isPaused = false
  let leaveNow = (): void => undefined
  let measuring: RunMeasurement | null = null
  /** Trials come one after the other: beside each other they would slow each other down. */
  let trials: Promise<unknown> = Promise.resolve()
  const changes = new Set<() => void>()

  const tell = (message: EngineToPage): void => page.postMessage(message)
  const { isSecureContext, caches, navigator } = self
  const storage = openStorage(
    { isSecureContext, storage: navigator.storage, caches },
    { clock, log, onState: onStorage, isOnline: () => navigator.onLine },
  )
  function onStorage(state: StorageState): void {
    storageState = state
    tell({ type: 'storage', state })
    keepRoom(state)
  }
  /** What storage has no room for is kept in memory, which layers then cannot have. */
  function keepRoom(state: StorageState | null): void {
    if (state?.problem) device?.reserve(MEMORY_PIECES_BYTES, `${state.problem} This device offers less memory meanwhile.`)
    else device?.reserve(0, 'The browser has room again: this device offers all of its memory.')
  }
  const openSource = openSourceAs(network.self, storage, token)
  const counter = createWorkCounter(clock.timer, (given) => tell({ type: 'work', given }))
  const tellDevice = (lending: 'off' | 'on' | 'paused' | 'failed', error: WireError | null = null): void => {
    const status = device?.status()
    tell({
      type: 'device',
      lending: status && isLeaving ? 'leaving' : status?.state === 'paused' ? 'paused' : lending,
      shards: status?.shards ?? [],
      sequences: status?.sequences ?? 0,
      framesHandled: status?.framesHandled ?? 0,
      layerMs: status?.layerMs ?? null,
      error,
    })
  }

  async function stop(): Promise<void> {
    const leaving = device
    device = null
    network.setCapabilities(null)
    await leaving?.close()
    network.publishStatus(IDLE_STATUS)
  }

  /** What the page keeps of measurements is read once: from then on this worker knows more. */
  function measureOf({ known, machine }: Pick<Extract<PageToEngine, { type: 'lend' }>, 'known' | 'machine'>): RunMeasurement {
    const keep = (all: Measurements): void => tell({ type: 'measured', known: JSON.stringify(all) })
    return (measuring ??= remembering(runMeasurement, parseMeasurements(known), machine, keep))
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = trials.then(work)
    trials = done.catch(() => undefined)
    return done
  }

  async function lend({ candidates, share: wanted, ...trial }: Extract<PageToEngine, { type: 'lend' }>): Promise<void> {
    await stop()
    const asked = (lendings += 1)
    share = wanted
    const measure = measureOf(trial)
    const choose = (): Promise<Capabilities> => chosenOf(candidates, { network, openSource, measure, log })
    const capabilities = await (candidates.length === 1 ? choose() : inTurn(choose))
    // Its person has left meanwhile, or lends otherwise.
    if (asked !== lendings) return
    const onOffer = (sentence: string): void => tell({ type: 'notice', sentence })
    const offering = { ...counter.count(network), setCapabilities: offer }
    device = createDevice({
      network: offering,
      capabilities,
      openSource,
      openShard: openShardInBrowser,
      loadXgrammar,
      onOffer,
      onFiles: (files) => tell({ type: 'files', files }),
      onWork: counter.onWork,
      share: () => share,
      measure,
      clock,
      log,
    })
    keepRoom(storageState)
    device.setVisibility(visibility)
    device.setPaused(isPaused)
    device.onStatus(() => {
      tellDevice('on')
      for (const changed of [...changes]) changed()
    })
    tellDevice('on')
  }

  /** A device that rests part of its time takes so much longer for a layer. */
  function offer(capabilities: Capabilities | null): void {
    offered = capabilities
    const { layerSpeeds } = capabilities ?? {}
    const slowed = layerSpeeds?.map((speed) => ({ ...speed, layerMs: speed.layerMs / share }))
    const shown = capabilities && { ...capabilities, ...(slowed ? { layerSpeeds: slowed } : {}) }
    network.setCapabilities(shown)
    if (shown) tell({ type: 'lends', capabilities: shown })
  }

  function setShare(wanted: number): void {
    share = wanted
    if (!device) return
    offer(offered)
    network.publishStatus(device.status())
  }

  async function estimate({ ticket, candidates, ...trial }: Extract<PageToEngine, { type: 'estimate' }>): Promise<void> {
    try {
      const measure = measureOf(trial)
      tell({ type: 'estimate', ticket, estimate: await inTurn(() => estimateShare(candidates, { network, openSource, measure, log })) })
    } catch (error) {
      tell({ type: 'estimate-failed', ticket, error: toWireError(toClusterError(error)) })
    }
  }

  async function preview({ ticket, model, change }: Extract<PageToEngine, { type: 'preview' }>): Promise<void> {
    try {
      const wish = network.view().wishes.get(model)
      if (!wish) throw new ClusterError('model_not_found', `nobody wishes for ${model}`)
      const sizing = modelSizing(await describeModel(openSource(wish.source)), wish.contextLength)
      tell({ type: 'preview', ticket, preview: previewPlacement(network.view(), { wish, sizing, ...change }) })
    } catch (error) {
      tell({ type: 'preview-failed', ticket, error: toWireError(toClusterError(error)) })
    }
  }

  async function leave({ ticket, now }: Extract<PageToEngine, { type: 'leave' }>): Promise<void> {
    lendings += 1
    const leaving = device
    if (now || isLeaving) leaveNow()
    else if (leaving) {
      isLeaving = true
      leaving.setPaused(true)
      const order = leaveInOrder({ device: leaving, network, clock, onStatus: (listener) => (changes.add(listener), () => changes.delete(listener)) })
      leaveNow = order.goNow
      await order.done
    }
    if (device === leaving) await stop()
    await heardGone(network, clock)
    isLeaving = false
    tellDevice('off')
    tell({ type: 'left', ticket })
  }

  function textOf(source: string): Promise<TextModel> {
    const known = texts.get(source) ?? loadText(openSource(source))
    texts.set(source, known)
    known.catch(() => texts.delete(source))
    return known
  }

  const sourceOf = (model: ModelId): string | undefined => network.view().placements.get(model)?.source ?? network.view().wishes.get(model)?.source

  function prepare(model: ModelId): void {
    client.prepare(model)
    const source = sourceOf(model)
    // A tokenizer that cannot be read is told when somebody asks.
    if (source !== undefined) textOf(source).catch(() => undefined)
  }

  async function ask(id: number, request: Extract<PageToEngine, { type: 'ask' }>['request']): Promise<void> {
    const abort = new AbortController()
    asks.set(id, abort)
    try {
      const source = sourceOf(request.model)
      if (source === undefined) throw new ClusterError('model_not_found', `the model ${request.model} is not on this cluster`)
      const contextLength = network.view().placements.get(request.model)?.contextLength ?? 1024
      const options = { client, text: await textOf(source), contextLength, now: clock.now, seed: BigInt(`0x${randomId()}`).toString() }
      for await (const event of chatStream({ ...request, signal: abort.signal }, options)) tell({ type: 'chat', ask: id, event })
    } catch (error) {
      if (!(error instanceof ClusterError)) log('a chat failed', { cause: String(error) })
      tell({ type: 'chat-failed', ask: id, error: toWireError(toClusterError(error)) })
    } finally {
      asks.delete(id)
    }
  }

  async function answerModels(ticket: number, change: () => Promise<void>): Promise<void> {
    try {
      await change()
      tell({ type: 'models', ticket, models: await storage.list() })
    } catch (error) {
      log('the kept models could not be read', { cause: String(error) })
      tell({ type: 'models-failed', ticket, error: toWireError(toClusterError(error)) })
    }
  }

  function handle(message: PageToEngine): void {
    switch (message.type) {
      case 'lend':
        lend(message).catch((error: unknown) => tellDevice('failed', toWireError(toClusterError(error))))
        return
      case 'pause':
        isPaused = message.paused
        device?.setPaused(isPaused)
        return
      case 'visibility':
        visibility = message.visibility
        device?.setVisibility(visibility)
        return
      case 'leave':
        void leave(message)
        return
      case 'estimate':
        void estimate(message)
        return
      case 'preview':
        void preview(message)
        return
      case 'share':
        setShare(message.share)
        return
      case 'ask':
        void ask(message.ask, message.request)
        return
      case 'prepare':
        prepare(message.model)
        return
      case 'cancel':
        asks.get(message.ask)?.abort()
        return
      case 'list-models':
        void answerModels(message.ticket, () => Promise.resolve())
        return
      case 'remove-models':
        void answerModels(message.ticket, () => storage.remove(message.model))
        return
    }
  }
  forgetModels({
    network,
    stored: storage,
    addressOf: (source) => new URL(source, self.location.origin).href,
    timer: clock.timer,
    onForget: ({ source }) => void texts.delete(source),
    log,
  })
  meetDevices(network, clock.timer, () => device !== null)
  onGpuLost(() => device && tell({ type: 'gpu-lost' }))
  page.addEventListener('message', (event: MessageEvent<PageToEngine>) => handle(event.data))
  page.start()
}

const opening = new Promise<readonly [PageOpening, MessagePort]>((resolve) => {
  self.addEventListener('message', (event: MessageEvent<PageOpening>) => {
    const port = event.ports[0]
    if (port) resolve([event.data, port])
  })
})
void Promise.all([openPortNetwork(hostPort), opening]).then(([network, [{ token }, page]]) => createEngine(network, page, token))
