/** The server's own device: the same runner in a worker thread, so that the API answers before any browser joins. */
import type { DeviceLog } from '../runtime/ring/device.ts'
import type { Hub } from './hub-access.ts'
import { spawnWorker } from './spawn-worker.ts'

export type LocalDeviceOptions = {
  /** Where the signal server listens, as this process reaches it. */
  readonly url: string
  readonly token: string | null
  /** Certificate of that server, as PEM, when it signs its own. */
  readonly ca?: string
  /** Folders of models: read from disk, not over the network. */
  readonly modelFolders: readonly string[]
  /** The only other places that weights are read from: its hub, null = none; and addresses that the server was started with. */
  readonly hub: Hub | null
  readonly addresses: readonly string[]
  readonly memoryBytes: number
  readonly threads: number
  /** Where measurements of this machine are kept from start to start. */
  readonly measurementsFile: string
}

export type LocalDevice = { readonly close: () => Promise<void> }

/** `onLog` gets what the device wants to say; `onExit` is called when the worker ends without being asked. */
export function startLocalDevice(options: LocalDeviceOptions, onLog: DeviceLog, onExit: (code: number) => void): LocalDevice {
  const worker = spawnWorker(new URL('./local-device-worker.ts', import.meta.url), { workerData: options })
  let closing = false
  worker.on('message', ({ message, fields, level }: { message: string; fields: Record<string, unknown>; level?: 'detail' }) =>
    onLog(message, fields, level),
  )
  worker.on('error', (error) => onLog('the local device failed', { cause: String(error) }))
  worker.on('exit', (code) => {
    if (!closing) onExit(code)
  })
  return {
    close: async () => {
      closing = true
      const gone = new Promise((resolve) => worker.once('exit', resolve))
      worker.postMessage('close')
      await gone
    },
  }
}
