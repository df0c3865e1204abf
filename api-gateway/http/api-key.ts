import type { Request, RequestHandler } from 'express'
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { ClusterError } from '../../protocol/errors.ts'

const digest = (key: string): Buffer => createHash('sha256').update(key).digest()

function keyOf(request: Request): string | null {
  const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  return bearer ?? request.get('x-api-key') ?? null
}

/** Names the key of a request without telling it; the same for all requests without one. */
export const keyDigestOf = (request: Request): string => digest(keyOf(request) ?? '').toString('hex')

/** Of this process: what devices are told of a key leads nowhere. */
const SALT = randomBytes(32)
/** Names the key of a request to the devices of a ring. */
export const cacheScopeOf = (request: Request): string =>
  createHmac('sha256', SALT)
    .update(keyOf(request) ?? '')
    .digest('base64url')

/** Lets everybody in when there are no keys. @throws {ClusterError} invalid_api_key */
export function checkApiKey(keys: readonly string[]): RequestHandler {
  const digests = keys.map(digest)
  return (request, _response, next) => {
    if (digests.length === 0) return next()
    const given = keyOf(request)
    // Digests have one length, so the comparison takes the same time whatever was sent.
    if (given !== null && digests.some((known) => timingSafeEqual(known, digest(given)))) return next()
    next(
      new ClusterError(
        'invalid_api_key',
        given === null ? 'this server needs an API key; send it as Authorization: Bearer KEY' : 'the API key is not one of this server',
      ),
    )
  }
}
