/** The endpoints of the Responses dialect. */
import { Router, type Request } from 'express'
import type { ToolTurn } from '../../core/text/tool-turns.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { newFrame, responseBody, responseStreamWriter } from '../dialects/responses-answer.ts'
import { newResponseId, parseResponsesRequest, reasoningVariables, responsesJob, type ResponsesRequest } from '../dialects/responses.ts'
import { keyDigestOf } from '../http/api-key.ts'
import { planChat } from '../jobs/answer-plan.ts'
import type { ChoiceResult } from '../jobs/choice-result.ts'
import { checkContext } from '../jobs/run-job.ts'
import { collectOne, streamJob } from '../jobs/serve-job.ts'
import type { ResponseStore } from '../shared/response-store.ts'
import type { CompletionRoutesOptions } from './completions.ts'

const missing = (id: string, param: string): ClusterError =>
  new ClusterError('response_not_found', `the response ${JSON.stringify(id.slice(0, 60))} is not kept here (any more); send the whole conversation`, {
    detail: { param },
  })

export type ResponseRoutesOptions = CompletionRoutesOptions & { readonly store: ResponseStore }

export function responseRoutes(options: ResponseRoutesOptions): Router {
  const { models, backend, encoder, store } = options

  /** What came before and what is asked now, without instructions. @throws {ClusterError} response_not_found */
  async function conversationOf({ previous_response_id: id, turns }: ResponsesRequest, owner: string): Promise<readonly ToolTurn[]> {
    if (!id) return turns
    const previous = await store.get(id, owner)
    if (!previous) throw missing(id, 'previous_response_id')
    return [...previous.turns, ...turns]
  }

  const router = Router()
  router.post('/v1/responses', async (request, response) => {
    const fields = parseResponsesRequest(request.body)
    const owner = keyDigestOf(request)
    const turns = await conversationOf(fields, owner)
    const entry = await models.find(fields.model)
    const text = await models.text(entry)
    const opening = fields.instructions ? [{ role: 'system', content: fields.instructions }] : []
    const variables = reasoningVariables(fields, text)
    const job = responsesJob(fields, entry.id, text, await planChat(encoder, { entry, text }, [...opening, ...turns], fields.wish, { variables }))
    checkContext(job, backend)
    const frame = newFrame(newResponseId(), job, fields)
    const keep = async ({ text: content, calls }: ChoiceResult, body: object): Promise<void> => {
      if (fields.store === false) return
      const answer = { role: 'assistant', content, calls: calls.map((call) => ({ ...call, id: `call_${call.id}` })) }
      await store.put(frame.id, { owner, turns: [...turns, answer], body })
    }
    if (fields.stream) return streamJob(frame.id, job, response, options, responseStreamWriter(frame, keep))
    const result = await collectOne(frame.id, job, response, options)
    const body = responseBody(frame, result)
    await keep(result, body)
    response.json(body)
  })

  const idOf = (request: Request): string => String(request.params['id'])
  router.get('/v1/responses/:id', async (request, response) => {
    const kept = await store.get(idOf(request), keyDigestOf(request))
    if (!kept) throw missing(idOf(request), 'response_id')
    response.json(kept.body)
  })
  router.delete('/v1/responses/:id', async (request, response) => {
    const id = idOf(request)
    if (!(await store.remove(id, keyDigestOf(request)))) throw missing(id, 'response_id')
    response.json({ id, object: 'response', deleted: true })
  })
  return router
}
