/** Files of private repositories of the hub, for devices that know their share: read with this server's token, which never leaves it. */
import { Router, type Request, type Response } from 'express'
import { pipeline } from 'node:stream/promises'
import { ClusterError } from '../../protocol/errors.ts'
import { sharedAddress, type Hub } from '../hub-access.ts'

/** What a reader needs to know of the bytes. */
const PASSED_ON = ['content-length', 'content-range', 'etag', 'last-modified', 'retry-after']

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
}

async function passOn(request: Request, response: Response, address: string, token: string): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const range = request.get('range')
  // Compressed, its length would not be that of the bytes. Node takes the token off where a redirect leads to another host.
  const headers = { authorization: `Bearer ${token}`, 'accept-encoding': 'identity', ...(range === undefined ? {} : { range }) }
  const method = request.method === 'HEAD' ? 'HEAD' : 'GET'
  const answer = await fetch(address, { method, headers, signal: gone.signal }).catch((cause: unknown) => {
    throw new ClusterError('source_unavailable', `the hub at ${new URL(address).host} did not answer`, { cause })
  })
  // Whether the token is refused is between this server and its hub.
  response.status(answer.status === 401 || answer.status === 403 ? 404 : answer.status)
  for (const name of PASSED_ON) {
    const value = answer.headers.get(name)
    if (value !== null) response.setHeader(name, value)
  }
  response.type('application/octet-stream')
  if (!answer.ok || !answer.body || method === 'HEAD') {
    await answer.body?.cancel()
    response.removeHeader('content-length')
    if (method === 'HEAD' && answer.ok) response.setHeader('content-length', answer.headers.get('content-length') ?? '0')
    response.end()
    return
  }
  // A reader that leaves, or a hub that breaks off, ends the connection: the reader resumes from its byte.
  await pipeline(chunksOf(answer.body), response).catch(() => response.destroy())
}

export function hubFileRoutes(hub: Hub): Router {
  const router = Router()
  router.get('/hub/*path', async (request, response) => {
    const address = sharedAddress(request.path, hub)
    if (address === null || hub.token === null) throw new ClusterError('route_not_found', 'there is no such file of a model here')
    await passOn(request, response, address, hub.token)
  })
  return router
}
