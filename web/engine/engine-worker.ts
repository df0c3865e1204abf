/**
 * The worker of a page: engine, tokenizer and sampler live here, so that the page's main thread only moves bytes and draws.
 * The worker's own port speaks with the peer host; a MessagePort that comes with the first message speaks with the page.
 */
import './no-eval.ts'
import { createRingClient } from '../../core/client/ring-client.ts'
import { modelSizing } from '../../core/cluster/model-sizing.ts'
import { previewPlacement } from '../../core/cluster/preview.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { httpSource } from '../../core/model/http-source.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { loadText, type TextModel } from '../../core/text/text-model.ts'
import { ClusterError, toClusterError, toWireError } from '../../protocol/errors.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import { systemClock as clock } from '../../runtime/system-clock.ts'
import { openPortNetwork, type PortNetwork } from '../../runtime/ports/port-network.ts'
import type { EngineToHost, HostToEngine, Port } from '../../runtime/ports/peer-port.ts'
import { chatStream } from './chat-stream.ts'
import type { EngineToPage, PageOpening, PageToEngine } from './engine-messages.ts'
import { onGpuLost } from './gpu.ts'
import { MEMORY_PIECES_BYTES } from '../storage/memory-pieces.ts'
import type { StorageState } from '../storage/model-store.ts'
import { openStorage, type Storage } from '../storage/storage.ts'
import { forgetModels } from './forget-models.ts'
import { log } from './log.ts'
import { createLendingDevice } from './lending-device.ts'
import { meetDevices } from './meet-devices.ts'

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

  const tell = (message: EngineToPage): void => page.postMessage(message)
  const { isSecureContext, caches, navigator } = self
  const storage = openStorage(
    { isSecureContext, storage: navigator.storage, caches },
    { clock, log, onState: onStorage, isOnline: () => navigator.onLine },
  )
  function onStorage(state: StorageState): void {
    tell({ type: 'storage', state })
    keepRoom(state)
  }
  /** What storage has no room for is kept in memory, which layers then cannot have. */
  function keepRoom(state: StorageState): void {
    if (state.problem) device.reserve(MEMORY_PIECES_BYTES, `${state.problem} This device offers less memory meanwhile.`)
    else device.reserve(0, 'The browser has room again: this device offers all of its memory.')
  }
  const openSource = openSourceAs(network.self, storage, token)
  const device = createLendingDevice({ network, openSource, clock, tell })
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
        return device.lend(message)
      case 'pause':
        return device.setPaused(message.paused)
      case 'visibility':
        return device.setVisibility(message.visibility)
      case 'leave':
        void device.leave(message)
        return
      case 'estimate':
        void device.estimate(message)
        return
      case 'preview':
        void preview(message)
        return
      case 'share':
        return device.setShare(message.share)
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
  meetDevices(network, clock.timer, device.isLending)
  onGpuLost(() => device.isLending() && tell({ type: 'gpu-lost' }))
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
