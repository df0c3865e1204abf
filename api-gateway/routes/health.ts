import { Router } from 'express'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { CompletionBackend } from '../completion-backend.ts'
import { openAiErrorBody } from '../http/error-response.ts'

/** Alive, and able to answer. Both need no key; having no ring does not make the process ill. */
export function healthRoutes(backend: CompletionBackend, defaultModel: ModelId | null): Router {
  const router = Router()
  router.get('/health', (_request, response) => void response.json({ status: 'ok' }))
  router.get('/ready', (_request, response) => {
    const serving = defaultModel === null ? new ClusterError('no_ring', 'this server has no default model') : backend.serving(defaultModel)
    if (serving instanceof ClusterError) response.status(503).json(openAiErrorBody(serving))
    else response.json({ status: 'ready', model: serving.model, epoch: serving.epoch, devices: serving.shards.length })
  })
  return router
}
