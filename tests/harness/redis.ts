/** A real Redis on a port of its own, in memory only. */
import { spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach } from 'vitest'

export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

export type TestRedis = {
  readonly url: string
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
  /** It keeps its connections and answers nothing. */
  readonly hang: () => void
  readonly wake: () => void
}

export async function startRedis(): Promise<TestRedis> {
  const port = await freePort()
  let child: ReturnType<typeof spawn> | null = null
  const start = async (): Promise<void> => {
    const started = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child = started
    await new Promise<void>((resolve, reject) => {
      started.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
      started.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('Ready to accept connections')) resolve()
      })
    })
  }
  const stop = async (): Promise<void> => {
    if (!child) return
    const ended = once(child, 'exit')
    child.kill()
    child = null
    await ended
  }
  await start()
  const signal = (name: NodeJS.Signals) => (): void => void child?.kill(name)
  return { url: `redis://127.0.0.1:${port}`, start, stop, hang: signal('SIGSTOP'), wake: signal('SIGCONT') }
}

/** A Redis for each test of a file, where there is one; what the test opens is closed after it, the last first. */
export function redisForEach(): { readonly current: () => TestRedis; readonly cleanups: (() => void | Promise<void>)[] } {
  let redis: TestRedis | null = null
  const cleanups: (() => void | Promise<void>)[] = []
  beforeEach(async () => {
    if (!hasRedis()) return
    const started = await startRedis()
    redis = started
    cleanups.push(() => started.stop())
  })
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })
  return {
    current: () => {
      if (!redis) throw new Error('there is no redis-server')
      return redis
    },
    cleanups,
  }
}
