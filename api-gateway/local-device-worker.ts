/** The thread of the server's own device: peer host, ring node and onnxruntime together, away from the gateway's event loop. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { ClusterError } from '../protocol/errors.ts'
import type { Capabilities } from '../protocol/cluster.ts'
import { isModelId, peerId } from '../protocol/ids.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'
import { formatsOf } from '../core/graph/emit-options.ts'
import { httpSource } from '../core/model/http-source.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import { createDevice } from '../runtime/device.ts'
import { loadShard } from '../runtime/load-shard.ts'
import { loadOrt } from '../runtime/ort.ts'
import type { EngineToHost, HostToEngine } from '../runtime/peer-port.ts'
import { openPortNetwork } from '../runtime/port-network.ts'
import { createPortPair } from '../runtime/port-pair.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { folderSource } from './folder-source.ts'
import { belowHub, HUB_READING } from './hub-models.ts'
import type { LocalDeviceOptions } from './local-device.ts'
import { createNodePeerHost } from './transport/node-peer-host.ts'

const options = workerData as LocalDeviceOptions
const log = (message: string, fields: Record<string, unknown>): void => parentPort?.postMessage({ message, fields })
const capabilities: Capabilities = {
  backend: 'wasm',
  weightFormats: formatsOf('wasm', 'f32'),
  floatType: 'f32',
  memoryBytes: options.memoryBytes,
  threads: options.threads,
  hardware: `the server itself, Node ${process.versions.node}`,
}

/** `/models/ID` of this server comes straight from its disk, and what is below its hub's address by HTTP: a wish may not send the server anywhere else. */
function openSource(source: string): ModelSource {
  const id = /^\/models\/(.+)$/.exec(source)?.[1]
  if (id === undefined) {
    const { hub } = options
    const href = belowHub(source, hub?.endpoint ?? null)
    return httpSource(href, { ...HUB_READING, ...(hub?.token ? { token: hub.token } : {}) })
  }
  // A GGUF file is named with its folder.
  const [, name = id, file = null] = /^(.+)\/([^/]+\.gguf)$/.exec(id) ?? []
  const gguf = file === null ? null : decodeURIComponent(file)
  const candidates = isModelId(name) ? options.modelFolders.map((root) => path.join(root, name)) : []
  const folder = candidates.find((candidate) => existsSync(path.join(candidate, gguf ?? '')))
  if (folder === undefined) throw new ClusterError('model_not_found', `this server has no model ${name}`)
  return folderSource(folder, gguf)
}

const [hostPort, enginePort] = createPortPair<EngineToHost, HostToEngine>()
const networkReady = openPortNetwork(enginePort)
const host = createNodePeerHost({
  url: options.url,
  ...(options.ca === undefined ? {} : { ca: options.ca }),
  hello: {
    version: PROTOCOL_VERSION,
    id: peerId(`server-${randomBytes(4).toString('hex')}`),
    secret: randomBytes(32).toString('hex'),
    name: 'This server',
    role: 'local-device',
    capabilities: null,
    ...(options.token === null ? {} : { token: options.token }),
  },
  port: hostPort,
  onConnection: (state) => {
    if (state.state === 'refused') log('the local device was refused', { code: state.error.code, message: state.error.message })
  },
})
const network = await networkReady
const device = createDevice({
  network,
  capabilities,
  openSource,
  clock: systemClock,
  log,
  openShard: async ({ capabilities: { threads }, ...shard }) =>
    loadShard({ ...shard, backend: 'wasm', ort: await loadOrt({ backend: 'wasm', numThreads: threads }) }),
})

parentPort?.once('message', () => {
  void device.close().finally(() => {
    host.leave()
    process.exit(0)
  })
})
