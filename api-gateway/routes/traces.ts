import { Router } from 'express'
import { ClusterError } from '../../protocol/errors.ts'
import type { Traces } from '../traces.ts'

/** The last requests, and one of them hop by hop, by the id of its answer or its `x-request-id`. */
export function traceRoutes(traces: Traces): Router {
  const router = Router()
  router.get('/v1/cluster/traces', (_request, response) => void response.json({ traces: traces.list() }))
  router.get('/v1/cluster/traces/:id', (request, response) => {
    const trace = traces.find(request.params.id)
    if (!trace) throw new ClusterError('route_not_found', 'no such request is remembered; GET /v1/cluster/traces lists those that are')
    response.json(trace)
  })
  return router
}
