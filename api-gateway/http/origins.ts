/** Who may call: the Host and Origin that a request shows, and what browsers are told about it. */
import type { Request, RequestHandler } from 'express'
import { isIP } from 'node:net'
import { ClusterError } from '../../protocol/errors.ts'

export type HostPolicy = {
  /** The server listens on loopback only, so any other Host is a page that rebinds its name (CVE-2024-28224). */
  readonly isLoopbackOnly: boolean
  /** Further host names under which this server is known, without port. */
  readonly names: readonly string[]
}

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '::1'])

/** Name or address in a Host header, lower case, without port and brackets; null when malformed. */
function hostName(header: string | undefined): string | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/?#@\s]+))(?::\d{1,5})?$/.exec(header ?? '')
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null
}

/** An address cannot be rebound, only a name can; so a server bound wider takes any address and its own names. */
export function isAllowedHost(header: string | undefined, policy: HostPolicy): boolean {
  const name = hostName(header)
  if (name === null) return false
  if (LOOPBACK_NAMES.has(name) || name.endsWith('.localhost') || policy.names.includes(name)) return true
  return !policy.isLoopbackOnly && isIP(name) !== 0
}

export function checkHost(policy: HostPolicy): RequestHandler {
  return (request, _response, next) => {
    if (isAllowedHost(request.headers.host, policy)) return next()
    next(new ClusterError('forbidden_host', 'this server does not answer to the host name of the request; start it with that name, or use localhost'))
  }
}

function isAllowedOrigin(request: Request, origins: readonly string[]): boolean {
  const { origin, host } = request.headers
  if (origin === undefined) return true
  if (origins.includes(origin)) return true
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  return url.host === host || LOOPBACK_NAMES.has(url.hostname.replace(/^\[|\]$/g, ''))
}

const ALLOWED_HEADERS = [
  'authorization',
  'content-type',
  'openai-beta',
  'openai-organization',
  'openai-project',
  'x-api-key',
  'anthropic-version',
  'anthropic-beta',
  'x-request-id',
  'x-conversation-id',
  'range',
  'x-ringlet-peer',
]

const EXPOSED_HEADERS = [
  'x-request-id',
  'request-id',
  'retry-after',
  'x-should-retry',
  'content-range',
  'accept-ranges',
  ...['limit', 'remaining', 'reset'].flatMap((what) => [`x-ratelimit-${what}-requests`, `x-ratelimit-${what}-tokens`]),
].join(', ')

/** SDKs add `x-stainless-*` headers of which new ones appear with every release. */
function allowedHeaders(request: Request): string {
  const asked = (request.headers['access-control-request-headers'] ?? '').split(',').map((name) => name.trim().toLowerCase())
  return [...ALLOWED_HEADERS, ...asked.filter((name) => /^x-stainless-[a-z-]{1,40}$/.test(name))].join(', ')
}

/** Cross-origin policy: own origin, localhost and `origins`; any other page is refused, not only kept from reading. */
export function checkOrigin(origins: readonly string[]): RequestHandler {
  return (request, response, next) => {
    const { origin } = request.headers
    if (!isAllowedOrigin(request, origins)) {
      next(new ClusterError('forbidden_origin', 'this server does not serve pages of that origin; its owner can allow it'))
      return
    }
    response.vary('Origin')
    if (origin !== undefined) {
      response.setHeader('access-control-allow-origin', origin)
      response.setHeader('access-control-expose-headers', EXPOSED_HEADERS)
    }
    if (request.method !== 'OPTIONS') return next()
    response.setHeader('access-control-allow-methods', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS')
    response.setHeader('access-control-allow-headers', allowedHeaders(request))
    response.setHeader('access-control-max-age', '600')
    response.status(204).end()
  }
}
