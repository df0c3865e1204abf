import { createReadStream, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'

const RANGE = /^bytes=(\d+)-(\d+)?$/

/** Browsers run scripts and compile WASM only under these types. */
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
}

/**
 * Serves folders outside the repository at URL prefixes, byte ranges included.
 * @param mounts URL prefix (`/golden/`) to folder.
 */
export const serveMounts =
  (mounts: Readonly<Record<string, string>>) =>
  (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://harness').pathname)
    const prefix = Object.keys(mounts).find((candidate) => path.startsWith(candidate))
    const folder = prefix === undefined ? undefined : mounts[prefix]
    if (prefix === undefined || folder === undefined) return next()
    const file = normalize(join(folder, path.slice(prefix.length)))
    const size = file.startsWith(normalize(folder) + sep) || normalize(folder).endsWith(sep) ? fileSize(file) : null
    if (size === null) {
      response.writeHead(404).end()
      return
    }
    const range = RANGE.exec(request.headers.range ?? '')
    const start = range ? Number(range[1]) : 0
    const end = Math.min(range?.[2] === undefined ? size - 1 : Number(range[2]), size - 1)
    if (range && start > end) {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end()
      return
    }
    response.writeHead(range ? 206 : 200, {
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      'cross-origin-resource-policy': 'same-origin',
      // Scripts of workers need what their page has.
      'cross-origin-embedder-policy': 'require-corp',
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      ...(range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}),
    })
    createReadStream(file, { start, end }).pipe(response)
  }

function fileSize(file: string): number | null {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat?.isFile() ? stat.size : null
}
