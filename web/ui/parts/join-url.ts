/** The link by which another device joins. */
import type { ServerAddresses } from '../../engine/cluster-client.ts'

const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]']
export const isLocalHost = (hostname: string): boolean => LOCAL_HOSTS.includes(hostname)

/**
 * Where another device joins: this page's own address, or, where that works on this machine only, the server's on the network. A join token in the
 * page's address is part of the invitation; a key is not to be handed on.
 */
export function joinUrl({ origin, hostname, search }: Pick<Location, 'origin' | 'hostname' | 'search'>, known: ServerAddresses | null): string {
  const [reachable] = known?.addresses ?? []
  const url = new URL('/contribute', isLocalHost(hostname) && reachable !== undefined ? reachable : origin)
  const token = new URLSearchParams(search).get('token')
  if (token !== null && !token.startsWith('rk_')) url.searchParams.set('token', token)
  return url.href
}
