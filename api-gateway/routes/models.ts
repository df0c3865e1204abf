import { Router } from 'express'
import type { ModelCatalog, ModelEntry } from '../model-catalog.ts'

const cardOf = ({ id, created, ownedBy }: ModelEntry): object => ({ id, object: 'model', created, owned_by: ownedBy })

/** OpenAI's list of models. An id may hold a slash, raw or as %2F. */
export function modelRoutes(models: ModelCatalog): Router {
  const router = Router()
  router.get('/v1/models', async (_request, response) => {
    response.json({ object: 'list', data: (await models.list()).map(cardOf) })
  })
  router.get('/v1/models/*id', async (request, response) => {
    response.json(cardOf(await models.find([request.params.id].flat().join('/'))))
  })
  return router
}
