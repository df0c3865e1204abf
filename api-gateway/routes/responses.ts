/** The endpoints of the Responses dialect. */
import { Router, type Request } from 'express'
import type { ChatTurn } from '../../core/text/chat-template.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { newFrame, responseBody, responseStreamWriter } from '../dialects/responses-answer.ts'
import { newResponseId, parseResponsesRequest, responsesJob, type ResponsesRequest } from '../dialects/responses.ts'
import { keyDigestOf } from '../http/api-key.ts'
import { checkContext } from '../jobs/run-job.ts'
import { collectOne, streamJob } from '../jobs/serve-job.ts'
import { createResponseStore } from '../response-store.ts'
import type { CompletionRoutesOptions } from './completions.ts'

const missing = (id: string, param: string): ClusterError =>
  new ClusterError('response_not_found', `the response ${JSON.stringify(id.slice(0, 60))} is not kept here (any more); send the whole conversation`, {
    detail: { param },
  })

export function responseRoutes(options: CompletionRoutesOptions): Router {
  const { models, backend, encoder } = options
  const store = createResponseStore()

  /** What came before and what is asked now, without instructions. @throws {ClusterError} response_not_found */
  function conversationOf({ previous_response_id: id, turns }: ResponsesRequest, owner: string): readonly ChatTurn[] {
    if (!id) return turns
    const previous = store.get(id, owner)
    if (!previous) throw missing(id, 'previous_response_id')
    return [...previous.turns, ...turns]
  }

  const router = Router()
  router.post('/v1/responses', async (request, response) => {
    const fields = parseResponsesRequest(request.body)
    const owner = keyDigestOf(request)
    const turns = conversationOf(fields, owner)
    const entry = await models.find(fields.model)
    const text = await models.text(entry)
    const opening = fields.instructions ? [{ role: 'system', content: fields.instructions }] : []
    const job = responsesJob(fields, entry.id, text, await encoder.chat(entry, text, [...opening, ...turns]))
    checkContext(job, backend)
    const frame = newFrame(newResponseId(), job, fields)
    const keep = (result: Parameters<typeof responseBody>[1]): void => {
      if (fields.store === false) return
      store.put(frame.id, { owner, turns: [...turns, { role: 'assistant', content: result.text }], body: responseBody(frame, result) })
    }
    if (fields.stream) return streamJob(frame.id, job, response, options, responseStreamWriter(frame, keep))
    const result = await collectOne(frame.id, job, response, options)
    keep(result)
    response.json(responseBody(frame, result))
  })

  const idOf = (request: Request): string => String(request.params['id'])
  router.get('/v1/responses/:id', (request, response) => {
    const kept = store.get(idOf(request), keyDigestOf(request))
    if (!kept) throw missing(idOf(request), 'response_id')
    response.json(kept.body)
  })
  router.delete('/v1/responses/:id', (request, response) => {
    const id = idOf(request)
    if (!store.remove(id, keyDigestOf(request))) throw missing(id, 'response_id')
    response.json({ id, object: 'response', deleted: true })
  })
  return router
}
