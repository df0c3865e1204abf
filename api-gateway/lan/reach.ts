/** How other machines reach this server: under which names and addresses, with which certificate. */
import { hostname } from 'node:os'
import multicastDns from 'multicast-dns'
import { isLoopback, lanAddresses } from '../addresses.ts'
import { HTTP_LIMITS } from '../gateway.ts'
import type { HostPolicy } from '../http/origins.ts'
import type { Log } from '../log.ts'
import type { Options } from '../options.ts'
import type { ServerAddresses } from '../routes/addresses.ts'
import { plainListener, secureListener, type Listener } from './listener.ts'
import { takeLocalName, type LocalName } from './mdns-name.ts'

export const hostsOf = ({ host, mdns }: Options): HostPolicy => ({
  isLoopbackOnly: isLoopback(host),
  names: [hostname().toLowerCase(), ...(mdns === null || isLoopback(host) ? [] : [`${mdns}.local`])],
})

/** Names and addresses under which browsers reach this server. */
const namesOf = ({ host, mdns }: Options): readonly string[] => [
  'localhost',
  '127.0.0.1',
  hostname(),
  ...(mdns === null ? [] : [`${mdns}.local`]),
  ...lanAddresses(host),
]

export const openListener = (options: Options): Promise<Listener> | Listener =>
  options.https
    ? secureListener(HTTP_LIMITS, { home: options.home, hosts: hostsOf(options), names: () => namesOf(options) })
    : plainListener(HTTP_LIMITS)

/** Only a server that other machines reach has a name for them. */
export async function openLocalName({ host, mdns }: Options, log: Log): Promise<LocalName | null> {
  if (mdns === null || lanAddresses(host).length === 0) return null
  const taken = await takeLocalName({
    wanted: mdns,
    addresses: () => lanAddresses(host),
    open: () => multicastDns(),
    timer: (delayMs, callback) => void setTimeout(callback, delayMs).unref(),
  })
  log[taken ? 'info' : 'warn']({ name: taken?.name }, taken ? 'has a name on the network' : 'has no name on the network')
  return taken
}

/** Where other devices reach it; the name last, since not every network carries it. */
export function addressesOf(options: Options, port: number, name: string | null): ServerAddresses {
  const hosts = [...lanAddresses(options.host), ...(name === null ? [] : [name])]
  const originsOf = (scheme: string): readonly string[] => hosts.map((host) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`)
  const [plain] = originsOf('http')
  return {
    addresses: originsOf(options.https ? 'https' : 'http'),
    secure: options.https,
    trust: options.https && plain !== undefined ? `${plain}/trust` : null,
  }
}
