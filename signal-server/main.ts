/** The signal server alone, for clusters whose pages come from elsewhere. `node --import tsx signal-server/main.ts --help` */
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import { sameSecret } from './admission.ts'
import { sameOrigin } from './origin.ts'
import { createSignalServer } from './signal-server.ts'

const USAGE = `Ringlet signal server
  --port N            port to listen on (default 8090; 0 = any)
  --host ADDRESS      address to listen on (default 127.0.0.1)
  --join-token TOKEN  what peers must present to join (default: none)
  --allow-origin URL  origin of pages that may connect, repeatable (default: the server's own)
`
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8090' },
    host: { type: 'string', default: '127.0.0.1' },
    'join-token': { type: 'string' },
    'allow-origin': { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
})
const print = (line: string): void => void process.stdout.write(`${line}\n`)

function main(): void {
  if (values.help) return print(USAGE)
  const token = values['join-token']
  const origins = values['allow-origin']
  const httpServer = createServer((_, response) => void response.writeHead(404).end())
  const server = createSignalServer({
    httpServer,
    authorize: (hello) =>
      token === undefined || sameSecret(token, hello.token ?? '') ? null : { code: 'invalid_join_token', message: 'this cluster asks for a join token; ask its owner for one' },
    allowOrigin: (origin, host) => sameOrigin(origin, host) || (origin !== null && origins.includes(origin)),
    log: (level, message, fields) => print(JSON.stringify({ level, message, ...fields })),
  })
  httpServer.listen(Number(values.port), values.host, () => {
    const address = httpServer.address()
    print(`ready ${values.host}:${typeof address === 'object' && address ? address.port : values.port}`)
  })
  const stop = (): void => {
    server.close()
    httpServer.close()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

main()
