/** The signal server alone, for clusters whose pages come from elsewhere. `node --import tsx signal-server/main.ts --help` */
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import { sameSecret } from './admission.ts'
import { sameOrigin } from './origin.ts'
import type { SignalLog } from './peer-socket.ts'
import { openRedisLog } from './redis-log.ts'
import { createSignalServer } from './signal-server.ts'

const USAGE = `Ringlet signal server
  --port N            port to listen on (default 8090; 0 = any)
  --host ADDRESS      address to listen on (default 127.0.0.1)
  --join-token TOKEN  what peers must present to join (default: none)
  --redis-url URL     Redis that several signal servers of one cluster share (default: REDIS_URL, else alone)
  --allow-origin URL  origin of pages that may connect, repeatable (default: the server's own)`

const print = (line: string): void => void process.stdout.write(`${line}\n`)

function readArguments() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8090' },
      host: { type: 'string', default: '127.0.0.1' },
      'join-token': { type: 'string' },
      'redis-url': { type: 'string' },
      'allow-origin': { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  })
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new TypeError(`--port takes a number from 0 to 65535, not "${values.port}"`)
  return { ...values, port }
}

function serve({
  port,
  host,
  'join-token': token,
  'allow-origin': origins,
  'redis-url': url = process.env['REDIS_URL'],
}: ReturnType<typeof readArguments>): void {
  const httpServer = createServer((_, response) => void response.writeHead(404).end())
  const log: SignalLog = (level, message, fields) => print(JSON.stringify({ level, message, ...fields }))
  const server = createSignalServer({
    httpServer,
    authorize: (hello) =>
      token === undefined || sameSecret(token, hello.token ?? '')
        ? null
        : { code: 'invalid_join_token', message: 'this cluster asks for a join token; ask its owner for one' },
    allowOrigin: (origin, name) => sameOrigin(origin, name) || (origin !== null && origins.includes(origin)),
    log,
    ...(url ? { openLog: (name, reader) => openRedisLog({ url, log }, name, reader) } : {}),
  })
  httpServer.once('error', (error) => {
    process.stderr.write(`cannot listen on ${host}:${port}: ${error.message}\n`)
    process.exitCode = 1
  })
  httpServer.listen(port, host, () => {
    const address = httpServer.address()
    print(`ready http://${host}:${typeof address === 'object' && address ? address.port : port}`)
  })
  const stop = (): void => {
    server.close()
    httpServer.close()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

try {
  const values = readArguments()
  if (values.help) print(USAGE)
  else serve(values)
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${USAGE}\n`)
  process.exitCode = 2
}
