/** The gateway's own connection to Redis. */
import { createClient } from '@redis/client'
import type { Log } from '../log.ts'

/** Without a sign of life for so long the connection counts as broken, and requests are judged by this process alone. */
const SILENT_MS = 3_000
const ALIVE_EVERY_MS = 1_000

/** Resolves when it is connected, or has failed at that once; it goes on trying. */
export async function connectRedis(url: string, log: Log) {
  const client = createClient({
    url,
    // Nothing waits for a connection: what cannot be asked now is decided here.
    disableOfflineQueue: true,
    pingInterval: ALIVE_EVERY_MS,
    socket: { connectTimeout: SILENT_MS, socketTimeout: SILENT_MS },
  })
  client.on('error', (cause: unknown) => log.debug({ cause: String(cause) }, 'limits and answers are not shared while Redis is away'))
  const first = new Promise<void>((resolve) => client.once('ready', resolve).once('error', () => resolve()))
  client.connect().catch((cause: unknown) => log.warn({ cause: String(cause) }, 'Redis cannot be used for limits and answers'))
  await first
  return client
}
export type RedisClient = Awaited<ReturnType<typeof connectRedis>>
