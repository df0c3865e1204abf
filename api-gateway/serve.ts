/** Composition of a whole server in one process on one port: signaling, gateway, pages, local device. */
import { randomBytes } from 'node:crypto'
import { totalmem } from 'node:os'
import path from 'node:path'
import { placementState, type ClusterView } from '../core/cluster/cluster-view.ts'
import { sameOrigin } from '../signal-server/origin.ts'
import type { SignalLog } from '../signal-server/peer-socket.ts'
import { openRedisLog } from '../signal-server/redis-log.ts'
import { createSignalServer } from '../signal-server/signal-server.ts'
import { createAccess } from './access/access.ts'
import { createDeviceGate } from './access/device-gate.ts'
import { createDoor, shownDevice } from './access/door.ts'
import { ACCESS_FILE, openAccessFile } from './access/access-file.ts'
import { ownAddress } from './addresses.ts'
import { createGateway, type GatewayOptions } from './gateway.ts'
import { farOpener, type Hub } from './hub-access.ts'
import { isAllowedHost } from './http/origins.ts'
import { createHubModels } from './hub-models.ts'
import { openShared } from './shared/shared.ts'
import { createRunningJobs } from './jobs/running-jobs.ts'
import { addressesOf, hostsOf, openListener, openLocalName } from './lan/reach.ts'
import { startLocalDevice, type LocalDevice } from './local-device.ts'
import type { Log, LogArea } from './log.ts'
import { createModelCards } from './model-cards.ts'
import { createModelCatalog, type ModelEntry } from './model-catalog.ts'
import { createModelFits } from './model-fits.ts'
import { createModelWishes, wishingBackend } from './model-wishes.ts'
import type { Options } from './options.ts'
import { createPromptEncoder } from './prompt-encoder.ts'
import type { ServerAddresses } from './routes/addresses.ts'
import type { ModelBytes } from './routes/model-files.ts'
import { createUploads } from './uploads.ts'
import { weightOrigins } from './weight-origins.ts'
import { joinAsGateway, type GatewayPeer } from './transport/gateway-peer.ts'

/** socket.io's. */
const SIGNALING_PATH = '/socket.io/'
const ROOT = path.join(import.meta.dirname, '..')

export type ServeHooks = {
  readonly log: Log
  /** A log for each area; default: `log` for all. */
  readonly logOf?: (area: LogArea) => Log
  /** Counts bytes of models by device, for tests. */
  readonly onModelBytes?: (bytes: ModelBytes) => void
}

export type RunningServer = {
  /** As this machine reaches it, for example `http://127.0.0.1:8080`. */
  readonly url: string
  readonly view: () => ClusterView
  /** Where other devices reach it. */
  readonly addresses: () => ServerAddresses
  /** What devices show to join; null while anyone may. */
  readonly joinToken: () => string | null
  /** Resolves once the default model is served by at least so many devices, or is known not to fit; the reason then. */
  readonly serving: (devices: number) => Promise<string | null>
  readonly answering: () => number
  /** Takes no request any more, and resolves when the answers that run are finished, or ended with an error after so many milliseconds. */
  readonly drain: (withinMs: number) => Promise<void>
  /** Ends streams, devices and sockets. May be called twice. */
  readonly close: () => Promise<void>
}

/** Share of this machine's memory that its own device offers: the browsers on it want some too. */
const LOCAL_MEMORY_SHARE = 0.25

/** This process as its own peers reach it. */
type Home = { readonly url: string; readonly token: string; readonly ca: string | null }

const hubOf = ({ offline, hfEndpoint, hfToken }: Options): Hub | null => (offline ? null : { endpoint: hfEndpoint, token: hfToken })

function openLocalDevice(options: Options, { url, token, ca }: Home, modelFolders: readonly string[], log: Log): LocalDevice | null {
  if (options.localDevice === 'off') return null
  const memoryBytes = Math.floor(totalmem() * LOCAL_MEMORY_SHARE)
  return startLocalDevice(
    {
      url,
      token,
      modelFolders,
      hub: hubOf(options),
      addresses: [...options.modelUrls.values()],
      memoryBytes,
      threads: 1,
      measurementsFile: path.join(options.home, 'measurements.json'),
      ...(ca === null ? {} : { ca }),
    },
    (message, fields, level) => log[level === 'detail' ? 'debug' : 'info'](fields, `local device: ${message}`),
    (code) => log.error({ code }, 'the local device ended; the server goes on without it'),
  )
}

/** The default model's wish, then its placement as it comes and goes. */
async function awaitServing(peer: GatewayPeer, options: Options, devices: number): Promise<string | null> {
  return new Promise((resolve) => {
    const stop = peer.network.onView(() => check())
    function check(): void {
      const view = peer.network.view()
      const placement = view.placements.get(options.model)
      if (!placement) return
      const { problem, shards } = placement
      const browsers = shards.filter((shard) => view.peers.get(shard.peerId)?.role === 'device').length
      const served = placementState(view, placement) === 'ready' && browsers >= Math.min(devices, options.maxDevices, placement.numLayers)
      if (!served && (problem === null || problem.code === 'no_ring')) return
      stop()
      resolve(served ? null : (problem?.message ?? null))
    }
    check()
  })
}

export async function startServer(options: Options, hooks: ServeHooks): Promise<RunningServer> {
  const { log, logOf = () => log } = hooks
  const modelFolders = [path.join(ROOT, 'models'), options.modelsDir]
  const hub = hubOf(options)
  const models = createModelCatalog({
    folders: modelFolders,
    addresses: options.modelUrls,
    hub: hub && createHubModels(hub),
    openFar: farOpener(hub, [...options.modelUrls.values()]),
  })
  const { id } = await models.find(options.model)
  const accessFile = openAccessFile(path.join(options.home, ACCESS_FILE))
  const gate = createDeviceGate({ file: accessFile, asksFirst: options.asksFirst })
  const access = createAccess({ file: accessFile, apiKeys: options.apiKeys, joinToken: options.joinToken, isSpent: gate.isSpent })
  const token = randomBytes(32).toString('hex')
  const listener = await openListener(options)
  const { server, ca } = listener
  const hosts = hostsOf(options)
  const { redisUrl } = options
  const signalLog: SignalLog = (level, message, fields) => logOf('signal')[level](fields, message)
  const signal = createSignalServer({
    httpServer: server,
    authorize: createDoor(access, gate, token),
    onRemoved: (removed, others) => void gate.remove(shownDevice(removed), others.map(shownDevice)),
    // A page that rebinds its own name to this machine shows that name as origin and as host.
    allowOrigin: (origin, host) => isAllowedHost(host ?? undefined, hosts) && sameOrigin(origin, host),
    log: signalLog,
    ...(redisUrl === null ? {} : { openLog: (name, reader) => openRedisLog({ url: redisUrl, log: signalLog }, name, reader) }),
  })
  const port = await listener.listen(options.port, options.host)
  const localName = await openLocalName(options, log)
  const url = `${options.https ? 'https' : 'http'}://${ownAddress(options.host)}:${port}`
  const peer = await joinAsGateway(url, token, ca)
  const wishes = createModelWishes(peer.network, models, options.localDevice === 'stay' ? 'stay' : 'withdraw')
  const encoder = createPromptEncoder()
  const defaults = { strategy: options.placement, quality: options.quality, maxDevices: options.maxDevices }
  const backend = wishingBackend(peer.client, peer.network, wishes, models, defaults)
  const fits = createModelFits()
  const running = createRunningJobs()
  const uploads = createUploads(options.modelsDir, async (model) => (await models.filesOf(model)) !== null)
  const isRemovable = ({ files }: ModelEntry): boolean => files?.folder.startsWith(options.modelsDir + path.sep) ?? false
  const cards = createModelCards({ models, fits, view: peer.network.view, isRemovable })
  const shared = redisUrl === null ? null : await openShared(redisUrl, log)
  const gateway = createGateway({
    ...gatewaySettings(options, hooks),
    ...(shared ? { shared } : {}),
    onView: peer.network.onView,
    access,
    backend,
    running,
    models,
    encoder,
    wishes,
    cards,
    uploads,
    addresses: () => addressesOf(options, port, localName?.name ?? null),
    devices: {
      pause: (id, paused) => signal.order(id, { type: 'pause', paused }),
      waiting: gate.waiting,
      approve: gate.approve,
      remove: signal.remove,
    },
  })
  server.on('request', (request, response) => {
    // The signal server answers those itself: answered twice, a polling peer loses its connection, or the server ends.
    if (!request.url?.startsWith(SIGNALING_PATH)) gateway(request, response)
  })
  // Headless devices that join one by one would re-form the ring each time: the first placement waits for all of them.
  await wishes.set(id, { ...defaults, minDevices: Math.max(1, Math.min(options.devices, options.maxDevices)) })
  const local = openLocalDevice(options, { url, token, ca }, modelFolders, logOf('device'))
  return {
    url,
    view: peer.network.view,
    addresses: () => addressesOf(options, port, localName?.name ?? null),
    joinToken: access.joinToken,
    serving: async (devices) => {
      const problem = await awaitServing(peer, options, devices)
      // From here on a device that leaves is no reason to stop the others.
      if (problem === null && options.devices > 1) await wishes.set(id, { ...defaults, minDevices: 1 })
      return problem
    },
    answering: running.size,
    drain: running.drain,
    close: once(async () => {
      await local?.close()
      await encoder.close()
      await fits.close()
      peer.close()
      signal.close()
      shared?.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }),
  }
}

function gatewaySettings(
  options: Options,
  { log, onModelBytes }: ServeHooks,
): Omit<GatewayOptions, 'access' | 'running' | 'backend' | 'models' | 'encoder' | 'wishes' | 'cards' | 'uploads' | 'devices' | 'addresses'> {
  return {
    keepsPrefixes: options.keepsPrefixes,
    defaultModel: options.model,
    admission: options.admission,
    hosts: hostsOf(options),
    origins: options.allowedOrigins,
    log,
    staticDir: path.join(ROOT, 'dist/web'),
    hub: hubOf(options),
    weightOrigins: weightOrigins([...(options.offline ? [] : [options.hfEndpoint]), ...options.modelUrls.values()]),
    ...(onModelBytes ? { onModelBytes } : {}),
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null
  return () => (running ??= work())
}
