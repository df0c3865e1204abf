/** Finished answers in Redis: every gateway that names it goes on from what another one has answered. */
import { z } from 'zod'
import { createMemoryStore, STORE_BOUNDS, type ResponseStore, type StoreBounds, type StoredResponse } from './response-store.ts'
import type { RedisClient } from './redis-client.ts'

/** What nobody goes on from for so long is forgotten. */
const KEPT_SECONDS = 24 * 60 * 60
const PREFIX = 'ringlet:response:'
/** `BYTES:ID` by the time at which each was kept, and the sum of the bytes. */
const KEYS = ['ringlet:responses', 'ringlet:responses:bytes']

const DROP = `
local function drop(member)
  local size, id = string.match(member, '^(%d+):(.*)$')
  if redis.call('zrem', KEYS[1], member) == 1 then redis.call('decrby', KEYS[2], size) end
  return redis.call('del', ARGV[1] .. id)
end
`
/** ARGV: prefix, id, JSON, now in ms, seconds to keep, most bytes, most responses. */
const PUT = `${DROP}
for _, member in ipairs(redis.call('zrangebyscore', KEYS[1], 0, ARGV[4] - ARGV[5] * 1000)) do drop(member) end
redis.call('set', ARGV[1] .. ARGV[2], ARGV[3], 'EX', ARGV[5])
redis.call('zadd', KEYS[1], ARGV[4], #ARGV[3] .. ':' .. ARGV[2])
local bytes = redis.call('incrby', KEYS[2], #ARGV[3])
while bytes > tonumber(ARGV[6]) or redis.call('zcard', KEYS[1]) > tonumber(ARGV[7]) do
  local oldest = redis.call('zrange', KEYS[1], 0, 0)[1]
  if oldest then drop(oldest) else redis.call('set', KEYS[2], 0) end
  bytes = tonumber(redis.call('get', KEYS[2]))
end
`
/** ARGV: prefix, id. */
const REMOVE = `${DROP}
return drop(redis.call('strlen', ARGV[1] .. ARGV[2]) .. ':' .. ARGV[2])
`

const storedSchema = z.object({ owner: z.string(), turns: z.array(z.looseObject({ role: z.string() })), body: z.looseObject({}) })

/** While Redis cannot be reached, what comes is kept in this process, and only here. */
export function createRedisStore(client: RedisClient, bounds: StoreBounds = STORE_BOUNDS): ResponseStore {
  const own = createMemoryStore(bounds)
  const run = (script: string, ...args: readonly (string | number)[]): Promise<unknown> =>
    client.eval(script, { keys: KEYS, arguments: [PREFIX, ...args.map(String)] })

  async function find(id: string, owner: string): Promise<StoredResponse | null> {
    const text = await client.get(PREFIX + id)
    if (text === null) return null
    const stored = storedSchema.parse(JSON.parse(text))
    return stored.owner === owner ? stored : null
  }

  return {
    put: async (id, response) => {
      try {
        await run(PUT, id, JSON.stringify(response), Date.now(), KEPT_SECONDS, bounds.bytes, bounds.responses)
      } catch {
        await own.put(id, response)
      }
    },
    get: async (id, owner) => (await find(id, owner).catch(() => null)) ?? own.get(id, owner),
    remove: async (id, owner) => {
      const here = await own.remove(id, owner)
      // Answered as removed only when it is.
      if ((await find(id, owner).catch(() => null)) === null) return here
      return Number(await run(REMOVE, id)) > 0 || here
    },
  }
}
