/** A real signal server on a free port, and peers that join it from Node. */
import { createServer } from 'node:http'
import { io, type Socket } from 'socket.io-client'
import { createSignalClient, type SignalClient, type SignalClientOptions, type SignalState } from '../../core/cluster/signal-client.ts'
import { peerId, type PeerId } from '../../protocol/ids.ts'
import type { Hello, PeerToServer, ServerToPeer } from '../../protocol/signaling.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { createSignalServer, type SignalServer, type SignalServerOptions } from '../../signal-server/signal-server.ts'

export type SignalFixture = { readonly url: string; readonly port: number; readonly server: SignalServer; readonly close: () => Promise<void> }

export async function startSignalServer(options: Omit<SignalServerOptions, 'httpServer'> = {}, port = 0): Promise<SignalFixture> {
  const httpServer = createServer((_, response) => void response.writeHead(404).end())
  const server = createSignalServer({ ...options, httpServer })
  await new Promise<void>((resolve) => httpServer.listen(port, '127.0.0.1', resolve))
  const address = httpServer.address()
  if (address === null || typeof address === 'string') throw new Error('the signal server has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    server,
    close: () =>
      new Promise((resolve) => {
        server.close()
        httpServer.close(() => resolve())
        httpServer.closeAllConnections()
      }),
  }
}

export const helloOf = (id: string, more: Partial<Hello> = {}): Hello => ({
  version: PROTOCOL_VERSION,
  id: peerId(id),
  secret: `secret of ${id}`.padEnd(32, '.'),
  name: id,
  role: 'client',
  capabilities: null,
  ...more,
})

export type RawSocket = Socket<{ [Name in keyof ServerToPeer]: (...args: readonly unknown[]) => void }, PeerToServer>
export const openSocket = (url: string): RawSocket =>
  io(url, { autoConnect: false, forceNew: true, transports: ['websocket'], reconnectionDelay: 20, reconnectionDelayMax: 50 })

/** Emits what no type would allow. */
export function emitUntyped(socket: RawSocket, event: string, ...args: readonly unknown[]): void {
  const emit: unknown = Reflect.get(socket, 'emit')
  if (typeof emit === 'function') Reflect.apply(emit, socket, [event, ...args])
}

export type TestPeer = {
  readonly id: PeerId
  readonly client: SignalClient
  readonly socket: RawSocket
  /** Resolves with the first state, from now on or present, that satisfies the condition. */
  readonly state: (isReached: (state: SignalState) => boolean) => Promise<SignalState>
  /** Resolves once the peer's view satisfies the condition. */
  readonly seen: (isReached: (client: SignalClient) => boolean) => Promise<void>
  readonly close: () => void
}

type Handlers = Partial<Pick<SignalClientOptions, 'onRelay' | 'onNegotiation' | 'onEvent' | 'onRefused'>>

export function createTestPeer(url: string, hello: Hello, handlers: Handlers = {}): TestPeer {
  const socket = openSocket(url)
  const checks = new Set<() => void>()
  const check = (): void => checks.forEach((run) => run())
  const client = createSignalClient({
    socket,
    hello,
    clock: systemClock,
    onState: check,
    onWelcome: check,
    onNegotiation: () => undefined,
    onRelay: () => undefined,
    onRefused: () => undefined,
    ...handlers,
    onEvent: (event) => {
      handlers.onEvent?.(event)
      check()
    },
  })
  const until = (isReached: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const run = (): void => {
        if (!isReached()) return
        checks.delete(run)
        resolve()
      }
      checks.add(run)
      run()
    })
  socket.connect()
  return {
    id: hello.id,
    client,
    socket,
    state: async (isReached) => {
      await until(() => isReached(client.state()))
      return client.state()
    },
    seen: (isReached) => until(() => isReached(client)),
    close: client.leave,
  }
}

export const isOnline = (state: SignalState): boolean => state.state === 'online'
