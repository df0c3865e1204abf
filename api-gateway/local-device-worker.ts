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
import type { ModelSource } from '../core/model/model-source.ts'
import { createDevice, type DeviceLog } from '../runtime/ring/device.ts'
import { loadShard } from '../runtime/engines/load-shard.ts'
import { chosenOf } from '../runtime/measure/chosen-capabilities.ts'
import type { EngineToHost, HostToEngine } from '../runtime/ports/peer-port.ts'
import { openPortNetwork } from '../runtime/ports/port-network.ts'
import { createPortPair } from '../runtime/ports/port-pair.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { folderSource } from './folder-source.ts'
import { farOpener } from './hub-access.ts'
import type { LocalDeviceOptions } from './local-device.ts'
import { rememberedMeasurements } from './local-device-measurements.ts'
import { openRuntime } from './local-device-runtime.ts'
import { loadXgrammar } from './local-device-xgrammar.ts'
import { createNodePeerHost } from './transport/node-peer-host.ts'

const options = workerData as LocalDeviceOptions
const log: DeviceLog = (message, fields, level): void => parentPort?.postMessage({ message, fields, level })
const candidates = (['simd', 'wasm'] as const).map((backend): Capabilities => ({
  backend,
  weightFormats: formatsOf(backend, 'f32'),
  floatType: 'f32',
  memoryBytes: options.memoryBytes,
  threads: options.threads,
  hardware: `the server itself, Node ${process.versions.node}`,
}))

const openFar = farOpener(options.hub, options.addresses)

/** A model of this server comes straight from its disk, all else by HTTP from where the server may go. */
function openSource(source: string): ModelSource {
  const [, id, name] = /^\/models\/((?:.+\/)?([^/]+))$/.exec(source) ?? []
  if (id === undefined || name === undefined) return openFar(source)
  const gguf = name.endsWith('.gguf') ? decodeURIComponent(name) : null
  const within = gguf === null ? id : path.dirname(id)
  const folders = within === '.' || isModelId(within) ? options.modelFolders.map((root) => path.join(root, within)) : []
  const folder = folders.find((candidate) => existsSync(path.join(candidate, gguf ?? 'config.json')))
  if (folder === undefined) throw new ClusterError('model_not_found', `this server has no model ${id}`)
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
const measure = rememberedMeasurements(options.measurementsFile, log)
const device = createDevice({
  network,
  capabilities: await chosenOf(candidates, { network, openSource, measure, log }),
  openSource,
  loadXgrammar,
  clock: systemClock,
  log,
  measure,
  openShard: async ({ capabilities, ...shard }) => loadShard({ ...shard, ...(await openRuntime(capabilities)) }),
})

parentPort?.once('message', () => {
  void device.close().finally(() => {
    host.leave()
    process.exit(0)
  })
})
