/** The built pages, with the headers that threads in WASM and untrusted text need (experience.md 5). */
import express, { Router, type RequestHandler } from 'express'
import path from 'node:path'
import { compressedAssets } from './compressed-assets.ts'

export type PagesOptions = {
  readonly staticDir: string
  /** Origins from which pages may read weights, beside this server. */
  readonly weightOrigins: readonly string[]
}

/** Every answer may be a worker's script or a page's resource, so all carry the isolation headers. */
export const isolate: RequestHandler = (_request, response, next) => {
  response.setHeader('cross-origin-opener-policy', 'same-origin')
  response.setHeader('cross-origin-embedder-policy', 'require-corp')
  response.setHeader('cross-origin-resource-policy', 'same-origin')
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('referrer-policy', 'no-referrer')
  next()
}

function contentSecurityPolicy(weightOrigins: readonly string[]): string {
  return [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    // Older Safari does not take 'self' to mean ws: of the same host.
    `connect-src 'self' ws: wss: ${weightOrigins.join(' ')}`.trim(),
    "worker-src 'self' blob:",
    "img-src 'self' data: blob:",
    "media-src 'self' data: blob:",
    "style-src 'self'",
    "frame-ancestors 'none'",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
  ].join('; ')
}

export function pageRoutes({ staticDir, weightOrigins }: PagesOptions): Router {
  const policy = contentSecurityPolicy(weightOrigins)
  const router = Router()
  router.use(compressedAssets(staticDir))
  router.use(
    express.static(staticDir, {
      extensions: ['html'],
      redirect: false,
      dotfiles: 'ignore',
      setHeaders: (response, file) => {
        response.setHeader('content-security-policy', policy)
        // Files under assets/ have their content's hash in their name. A page kept past a version change would speak an old protocol.
        const isHashed = path.relative(staticDir, file).startsWith(`assets${path.sep}`)
        response.setHeader('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
      },
    }),
  )
  return router
}
