/** `/v1/catalog`: cards of models with how they fit, uploads of their files, and deleting. */
import { Router, type Request } from 'express'
import { z } from 'zod'
import type { CatalogBody } from '../../protocol/catalog.ts'
import { qualitySchema } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { isModelId, type ModelId } from '../../protocol/ids.ts'
import { parseFields } from '../dialects/openai-fields.ts'
import type { ModelCards } from '../model-cards.ts'
import type { ModelCatalog } from '../model-catalog.ts'
import type { Piece, Uploads } from '../uploads.ts'
import type { PlacementWishes } from './cluster.ts'

export type CatalogRoutesOptions = {
  readonly models: ModelCatalog
  readonly cards: ModelCards
  readonly uploads: Uploads
  readonly wishes: PlacementWishes
}

export const catalogQuerySchema = z.object({ quality: qualitySchema.default('balanced') })
export const cardQuerySchema = catalogQuerySchema.extend({ model: z.string().min(1).max(2000) })

function modelOf(segments: string | readonly string[]): ModelId {
  const id = [segments].flat().join('/')
  if (isModelId(id)) return id
  throw new ClusterError('invalid_value', 'a model is named NAME or ORG/NAME: letters, digits, dot, dash and underscore', {
    detail: { param: 'model' },
  })
}

/** `bytes START-LAST/SIZE`; of an empty file, `bytes *` and then `/0`. */
function pieceOf(request: Request): Piece {
  const header = request.get('content-range') ?? ''
  if (header === 'bytes */0') return { start: 0, end: 0, size: 0 }
  const [, start, last, size] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(header) ?? []
  return { start: Number(start), end: Number(last) + 1, size: Number(size) }
}

function catalogReading({ models, cards, uploads, wishes }: CatalogRoutesOptions): Router {
  const router = Router()
  router.get('/v1/catalog', async (request, response) => {
    const { quality } = parseFields(catalogQuerySchema, request.query)
    const body: CatalogBody = { quality, data: [...(await cards.list(quality))] }
    response.json(body)
  })
  router.get('/v1/catalog/card', async (request, response) => {
    const { model, quality } = parseFields(cardQuerySchema, request.query)
    response.json(await cards.card(model, quality))
  })
  router.delete('/v1/catalog/models/*model', async (request, response) => {
    const model = modelOf(request.params.model)
    // Devices first: they read from files that are about to go.
    await wishes.forget(model)
    const isDeleted = await uploads.remove(model)
    models.drop(model)
    response.json({ model, deletedFiles: isDeleted })
  })
  return router
}

function uploading({ uploads }: CatalogRoutesOptions): Router {
  const router = Router()
  router.get('/v1/catalog/uploads', async (_request, response) => void response.json({ data: await uploads.list() }))
  router.get('/v1/catalog/uploads/:model', async (request, response) => void response.json(await uploads.find(modelOf(request.params.model))))
  router.put('/v1/catalog/uploads/:model/:file', async (request, response) => {
    if (!/^application\/octet-stream\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
      throw new ClusterError('unsupported_media_type', 'send a piece of a file with the header content-type: application/octet-stream')
    response.json(await uploads.write(modelOf(request.params.model), request.params.file, pieceOf(request), request))
  })
  router.post('/v1/catalog/uploads/:model', async (request, response) => {
    const model = modelOf(request.params.model)
    await uploads.finish(model)
    response.status(201).json({ model })
  })
  router.delete('/v1/catalog/uploads/:model', async (request, response) => {
    const model = modelOf(request.params.model)
    await uploads.discard(model)
    response.json({ model, discarded: true })
  })
  return router
}

export const catalogRoutes = (options: CatalogRoutesOptions): Router => Router().use(catalogReading(options), uploading(options))
