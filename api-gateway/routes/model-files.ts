/** Files of models for devices: `/models/<id>/<file>`, any byte range of them. */
import { Router } from 'express'
import path from 'node:path'
import { isPeerId, type ModelId, type PeerId } from '../../protocol/ids.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelCatalog } from '../model-catalog.ts'

/** Bytes [start, end) of a file, asked for by `peer` (null: something that is no device). */
export type ModelBytes = {
  readonly peer: PeerId | null
  readonly model: ModelId
  readonly file: string
  readonly start: number
  readonly end: number
}

const notFound = (): ClusterError => new ClusterError('route_not_found', 'there is no such file of a model here')

/** A range outside the file: the size tells the reader what there is. */
const isBadRange = (error: Error): boolean => 'status' in error && error.status === 416

/** What an answer carries, by its own headers. */
function rangeOf(contentRange: unknown, contentLength: unknown): { start: number; end: number } {
  const match = /^bytes (\d+)-(\d+)\//.exec(String(contentRange))
  return match ? { start: Number(match[1]), end: Number(match[2]) + 1 } : { start: 0, end: Number(contentLength ?? 0) }
}

export function modelFileRoutes(models: ModelCatalog, onBytes?: (bytes: ModelBytes) => void): Router {
  const router = Router()
  router.get('/models/*path', async (request, response) => {
    const found = await models.locate([request.params.path].flat())
    if (!found) throw notFound()
    const { model, folder, file } = found
    const peer = request.get('x-ringlet-peer')
    response.once('finish', () => {
      if (request.method === 'HEAD' || (response.statusCode !== 200 && response.statusCode !== 206)) return
      const { start, end } = rangeOf(response.getHeader('content-range'), response.getHeader('content-length'))
      onBytes?.({ peer: isPeerId(peer) ? peer : null, model, file, start, end })
    })
    response.type(path.extname(file) || 'application/octet-stream')
    await new Promise<void>((resolve, reject) => {
      // `root` keeps the path inside the folder whatever dots and escapes it holds.
      response.sendFile(file, { root: folder, dotfiles: 'deny', maxAge: 0, cacheControl: true }, (error?: Error) => {
        if (!error || response.headersSent) return resolve()
        if (!isBadRange(error)) return reject(notFound())
        response.status(416).end()
        resolve()
      })
    })
  })
  return router
}
