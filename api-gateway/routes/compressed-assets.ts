/** Scripts and styles as the build has compressed them, for whoever takes gzip: three times less to load. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { RequestHandler } from 'express'

/** Names with their content's hash; no other path is looked at. */
const ASSET = /^\/assets\/[\w.-]+\.(js|css)$/
const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8' }

/** Points a request at the file beside the one it asks for; what follows sends it. */
export function compressedAssets(staticDir: string): RequestHandler {
  return (request, response, next) => {
    const kind = ASSET.exec(request.path)?.[1]
    if (kind === undefined) return next()
    response.vary('accept-encoding')
    if (!request.acceptsEncodings('gzip') || !existsSync(path.join(staticDir, `${request.path}.gz`))) return next()
    request.url = `${request.path}.gz`
    response.setHeader('content-encoding', 'gzip')
    response.setHeader('content-type', TYPES[kind] ?? 'application/octet-stream')
    next()
  }
}
