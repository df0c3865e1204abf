/** What several gateways of one cluster share over Redis: the windows of keys with limits, and answers to go on from. */
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import type { OpenWindow } from '../http/rate-limit.ts'
import type { Log } from '../log.ts'
import { connectRedis } from './redis-client.ts'
import { createRedisStore } from './redis-store.ts'
import type { ResponseStore } from './response-store.ts'

export type Shared = { readonly openWindow: OpenWindow; readonly responses: ResponseStore; readonly close: () => void }

export async function openShared(url: string, log: Log): Promise<Shared> {
  const client = await connectRedis(url, log)
  return {
    responses: createRedisStore(client),
    openWindow: (window) =>
      new RateLimiterRedis({
        ...window,
        keyPrefix: `ringlet:${window.keyPrefix}`,
        storeClient: client,
        useRedisPackage: true,
        rejectIfRedisNotReady: true,
        insuranceLimiter: new RateLimiterMemory(window),
      }),
    close: () => client.destroy(),
  }
}
