/** Streams of requests with `X-Conversation-Id`, after their reader has gone. */
import { Router, type Request } from 'express'
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'
import { parseFields } from '../dialects/openai-fields.ts'
import { keyDigestOf } from '../http/api-key.ts'
import type { KeptStreams } from '../jobs/kept-streams.ts'

export const streamQuerySchema = z.object({
  conv_id: z.string().min(1).max(128),
  from: z
    .string()
    .regex(/^\d{1,15}$/, 'expected a number of bytes')
    .optional(),
})

const missing = (): ClusterError =>
  new ClusterError('route_not_found', 'no stream of that conversation is kept here', { detail: { param: 'conv_id' } })

export function streamRoutes(streams: KeptStreams): Router {
  const router = Router()
  const queryOf = (request: Request): z.infer<typeof streamQuerySchema> => parseFields(streamQuerySchema, request.query)
  router.get('/v1/stream', (request, response) => {
    const { conv_id: conversation, from = '0' } = queryOf(request)
    const stream = streams.find(conversation, keyDigestOf(request))
    if (!stream) throw missing()
    stream.follow(response, Number(from))
  })
  router.delete('/v1/stream', (request, response) => {
    if (!streams.remove(queryOf(request).conv_id, keyDigestOf(request))) throw missing()
    response.status(204).end()
  })
  return router
}
