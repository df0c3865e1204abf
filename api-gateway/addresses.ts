/** Under which addresses a server that listens on `host` is reached. */
import { networkInterfaces } from 'node:os'

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1'])
const EVERYWHERE = new Set(['0.0.0.0', '::'])

export const isLoopback = (host: string): boolean => LOOPBACK.has(host)

/** By this machine itself, as a URL spells it. */
export function ownAddress(host: string): string {
  if (host === '::1') return '[::1]'
  if (isLoopback(host) || EVERYWHERE.has(host)) return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

/** By other machines of the network; none when the server listens on loopback only. */
export function lanAddresses(host: string): readonly string[] {
  if (isLoopback(host)) return []
  if (!EVERYWHERE.has(host)) return [host]
  return Object.values(networkInterfaces())
    .flat()
    .flatMap((address) => (address && !address.internal && address.family === 'IPv4' ? [address.address] : []))
}
