import { Router } from 'express'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { CompletionBackend } from '../completion-backend.ts'
import PACKAGE from '../../package.json' with { type: 'json' }
import { openAiErrorBody } from '../http/error-response.ts'

/** Alive, which version, and able to answer. None needs a key; having no ring does not make the process ill. */
export function healthRoutes(backend: CompletionBackend, defaultModel: ModelId | null, isDraining: () => boolean): Router {
  const router = Router()
  router.get('/health', (_request, response) => void response.json({ status: 'ok' }))
  router.get('/version', (_request, response) => void response.json({ version: PACKAGE.version }))
  router.get('/ready', (_request, response) => {
    if (isDraining()) throw new ClusterError('shutting_down', 'this server is stopping')
    const serving = defaultModel === null ? new ClusterError('no_ring', 'this server has no default model') : backend.serving(defaultModel)
    if (serving instanceof ClusterError) response.status(503).json(openAiErrorBody(serving))
    else response.json({ status: 'ready', model: serving.model, epoch: serving.epoch, devices: serving.shards.length })
  })
  return router
}
