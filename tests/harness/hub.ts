/** A stand-in for a hub of models: files at `/ORG/NAME/resolve/REVISION/FILE`, large ones by redirect to signed URLs on another origin. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export type HubRequest = {
  readonly from: 'hub' | 'cdn'
  readonly file: string
  readonly method: string
  /** Bytes [start, end) asked for; null = the whole file. */
  readonly range: { readonly start: number; readonly end: number } | null
  readonly authorization: string | null
  readonly peer: string | null
}

/** What goes wrong with one answer. */
export type Fault =
  | { readonly type: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The connection is destroyed after so many bytes of the body; 0 = before the answer. */
  | { readonly type: 'cut'; readonly afterBytes: number }
  /** The body ends properly after so many bytes, as if that were all. */
  | { readonly type: 'truncated'; readonly afterBytes: number }
  /** So many bytes of the body, and then nothing more, with the connection open. */
  | { readonly type: 'held'; readonly afterBytes: number }
  /** The body comes in so many pieces with a pause between them. */
  | { readonly type: 'slow'; readonly pieces: number }
  | { readonly type: 'ignores-range' }
  | { readonly type: 'wrong-bytes' }
  | { readonly type: 'other-version' }

export type StandInHub = {
  readonly endpoint: string
  readonly requests: HubRequest[]
  /** Asked for every request; null = all goes well. `count` counts the requests, from 0. */
  fault: (request: HubRequest, count: number) => Fault | null
  /** Answers that have begun and not ended. */
  readonly underWay: () => number
  /** False: answers carry no CORS headers. */
  allowsOtherSites: boolean
  /** The only token that opens its repositories; null: everybody may read them. */
  token: string | null
  /** Told with every answer, as the commit that the asked revision stands for; null: not told. */
  commit: string | null
  /** Signed URLs given out so far are refused with 403 from here on. */
  readonly expireLinks: () => void
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const RANGE = /^bytes=(\d+)-(\d+)$/
const FILE = /^\/[^/]+\/[^/]+\/resolve\/[^/]+\/(.+)$/
const digests = new WeakMap<Uint8Array, string>()
/** Of a large file once, not for every range of it. */
function sha256(bytes: Uint8Array): string {
  const digest = digests.get(bytes) ?? createHash('sha256').update(bytes).digest('hex')
  digests.set(bytes, digest)
  return digest
}

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<{ server: Server; origin: string }> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the stand-in hub has no port')
  return { server, origin: `http://127.0.0.1:${address.port}` }
}

function readRequest(request: IncomingMessage, from: HubRequest['from'], file: string): HubRequest {
  const [, start, last] = RANGE.exec(request.headers.range ?? '') ?? []
  return {
    from,
    file,
    method: request.method ?? '',
    range: start === undefined || last === undefined ? null : { start: Number(start), end: Number(last) + 1 },
    authorization: request.headers.authorization ?? null,
    peer: [request.headers['x-ringlet-peer']].flat()[0] ?? null,
  }
}

async function sendSlowly(response: ServerResponse, body: Buffer, pieces: number): Promise<void> {
  const size = Math.ceil(body.length / pieces)
  for (let at = 0; at < body.length; at += size) {
    response.write(body.subarray(at, at + size))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  response.end()
}

function sendFile(response: ServerResponse, bytes: Uint8Array, { range, method }: HubRequest, fault: Fault | null): void {
  const isRange = range !== null && fault?.type !== 'ignores-range'
  const { start, end } = isRange ? { start: range.start, end: Math.min(range.end, bytes.length) } : { start: 0, end: bytes.length }
  if (isRange && start >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
    return
  }
  const body = Buffer.from(bytes.subarray(start, end))
  if (fault?.type === 'wrong-bytes') body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1
  const sent = fault?.type === 'truncated' || fault?.type === 'cut' ? body.subarray(0, fault.afterBytes) : body
  response.writeHead(isRange ? 206 : 200, {
    etag: `"${sha256(fault?.type === 'other-version' ? Buffer.concat([bytes, bytes]) : bytes)}"`,
    ...(fault?.type === 'truncated' ? {} : { 'content-length': body.length }),
    ...(isRange ? { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` } : {}),
  })
  if (method === 'HEAD') response.end()
  else if (fault?.type === 'held') response.write(body.subarray(0, fault.afterBytes))
  else if (fault?.type === 'slow') void sendSlowly(response, body, fault.pieces)
  else if (fault?.type === 'cut') response.write(sent, () => response.socket?.destroySoon())
  else response.end(sent)
}

/** @param files by name, the same for every repository and revision; those of more than `largeBytes` come by redirect */
export async function startHub(files: Readonly<Record<string, Uint8Array>>, largeBytes = 1024): Promise<StandInHub> {
  const requests: HubRequest[] = []
  let validFrom = 0
  let links = 0
  let underWay = 0

  function begin(request: IncomingMessage, response: ServerResponse, from: HubRequest['from'], file: string | undefined): Fault | null | 'answered' {
    if (hub.allowsOtherSites) {
      response.setHeader('access-control-allow-origin', '*')
      response.setHeader('access-control-expose-headers', 'ETag,Content-Range,Retry-After,X-Linked-Etag')
    }
    underWay += 1
    response.once('close', () => (underWay -= 1))
    const read = readRequest(request, from, file ?? '')
    const fault = hub.fault(read, requests.push(read) - 1)
    if (fault?.type === 'status') response.writeHead(fault.status, { date: new Date().toUTCString(), ...fault.headers }).end()
    else if (fault?.type === 'cut' && fault.afterBytes === 0) response.destroy()
    else if (from === 'hub' && hub.token !== null && read.authorization !== `Bearer ${hub.token}`) response.writeHead(401).end()
    else if (file === undefined || !files[file]) response.writeHead(404).end()
    else return fault
    return 'answered'
  }

  const cdn = await listen((request, response) => {
    const url = new URL(request.url ?? '/', 'http://cdn')
    const file = url.pathname.slice(1)
    const fault = begin(request, response, 'cdn', file)
    const bytes = files[file]
    if (fault === 'answered' || !bytes) return
    if (Number(url.searchParams.get('signature')) < validFrom) response.writeHead(403).end()
    else sendFile(response, bytes, readRequest(request, 'cdn', file), fault)
  })
  const home = await listen((request, response) => {
    const file = FILE.exec(decodeURIComponent(new URL(request.url ?? '/', 'http://hub').pathname))?.[1]
    if (hub.commit !== null) response.setHeader('x-repo-commit', hub.commit)
    const fault = begin(request, response, 'hub', file)
    const bytes = files[file ?? '']
    if (fault === 'answered' || !bytes || file === undefined) return
    if (bytes.length <= largeBytes) return sendFile(response, bytes, readRequest(request, 'hub', file), fault)
    response.writeHead(302, { location: `${cdn.origin}/${file}?signature=${links++}`, 'x-linked-etag': `"${sha256(bytes)}"` }).end()
  })

  const hub: StandInHub = {
    endpoint: home.origin,
    requests,
    fault: () => null,
    underWay: () => underWay,
    allowsOtherSites: true,
    token: null,
    commit: null,
    expireLinks: () => (validFrom = links),
    [Symbol.asyncDispose]: async () => {
      for (const { server } of [home, cdn]) {
        if (!server.listening) continue
        server.closeAllConnections()
        server.close()
        await once(server, 'close')
      }
    },
  }
  return hub
}
