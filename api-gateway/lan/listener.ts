/** One port for https and plain http: the first byte of a connection tells which it is. */
import { createServer as createHttpServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net'
import { ClusterError } from '../../protocol/errors.ts'
import type { HostPolicy } from '../http/origins.ts'
import { loadCertificate } from './certificate.ts'
import { plainDoor } from './plain-door.ts'

/** A TLS record that opens a handshake. */
const HANDSHAKE = 0x16
/** So often it is looked whether this machine has come to another address. */
const LOOK_MS = 60_000

export type Listener = {
  /** Requests and sockets of the cluster arrive here. */
  readonly server: Server
  /** The certificate that this process's own peers must trust; null over plain http. */
  readonly ca: string | null
  /** @throws {ClusterError} invalid_value when the port cannot be used. @returns the port */
  readonly listen: (port: number, host: string) => Promise<number>
  readonly close: () => Promise<void>
}

export type SecureOptions = {
  readonly home: string
  readonly hosts: HostPolicy
  /** Names and addresses under which the server is reached now. */
  readonly names: () => readonly string[]
}

const listenOn = (server: NetServer, port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause: Error) =>
      reject(new ClusterError('invalid_value', `port ${port} of ${host} cannot be used: ${cause.message}`, { cause })),
    )
    server.listen(port, host, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
const closed = (server: NetServer): Promise<void> => new Promise((resolve) => void server.close(() => resolve()))

export function plainListener(limits: ServerOptions): Listener {
  const server = createHttpServer(limits)
  return {
    server,
    ca: null,
    listen: (port, host) => listenOn(server, port, host),
    close: () => {
      server.closeAllConnections()
      return closed(server)
    },
  }
}

/** Hands a connection to the server that speaks as it does. */
function dispatch(socket: Socket, secure: Server, plain: Server): void {
  socket.on('error', () => socket.destroy())
  socket.once('readable', () => {
    const first: unknown = socket.read(1)
    if (!(first instanceof Uint8Array)) return void socket.destroy()
    socket.unshift(first)
    socket.setTimeout(0)
    ;(first[0] === HANDSHAKE ? secure : plain).emit('connection', socket)
  })
}

export async function secureListener(limits: ServerOptions, { home, hosts, names }: SecureOptions): Promise<Listener> {
  let known = names()
  const certificate = await loadCertificate(home, known)
  const secure = createHttpsServer({ ...limits, ...certificate })
  const plain = createHttpServer(limits, plainDoor(certificate.ca, hosts))
  const outer = createNetServer((socket) => dispatch(socket, secure, plain))
  // A connection that never says anything is nobody's: the servers behind have their own limits once it has.
  outer.on('connection', (socket) => socket.setTimeout(limits.headersTimeout ?? 15_000, () => socket.destroy()))
  const look = async (): Promise<void> => {
    const now = names()
    if (now.every((name) => known.includes(name))) return
    known = now
    secure.setSecureContext(await loadCertificate(home, now))
  }
  // A new address that cannot be written is no reason to stop: the old ones are served on.
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS)
  timer.unref()
  return {
    server: secure,
    ca: certificate.ca,
    listen: async (port, host) => {
      const used = await listenOn(outer, port, host)
      // They listen by way of the outer one; their own checks of slow clients begin with this.
      for (const server of [secure, plain]) server.emit('listening')
      return used
    },
    close: async () => {
      clearInterval(timer)
      for (const server of [secure, plain]) {
        server.closeAllConnections()
        server.close()
      }
      await closed(outer)
    },
  }
}
