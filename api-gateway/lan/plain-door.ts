/** What a server with a certificate of its own answers to plain http on the same port: how to trust it, and for all else the way to https. */
import type { RequestListener } from 'node:http'
import { isAllowedHost, type HostPolicy } from '../http/origins.ts'
import { trustFiles } from './trust-page.ts'

/** Nothing here is worth keeping past a renewed certificate. */
const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' } as const

/** @param ca the authority's certificate, PEM */
export function plainDoor(ca: string, hosts: HostPolicy): RequestListener {
  const files = trustFiles(ca)
  return (request, response) => {
    const { host } = request.headers
    const { pathname, search } = new URL(request.url ?? '/', 'http://localhost')
    // A name that is not this server's could be anybody's: nothing is sent to it.
    if (!isAllowedHost(host, hosts)) return void response.writeHead(403, HEADERS).end('this server does not answer to that name\n')
    const file = request.method === 'GET' || request.method === 'HEAD' ? files.get(pathname) : undefined
    if (file)
      return void response.writeHead(200, { ...HEADERS, ...file.headers, 'content-type': file.type }).end(request.method === 'HEAD' ? '' : file.body)
    // Kept by no browser, so that a server that drops --https is reached again; the method stays.
    response.writeHead(307, { ...HEADERS, location: `https://${host}${pathname}${search}` }).end()
  }
}
