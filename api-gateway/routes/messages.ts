/** The endpoints of Anthropic's dialect. */
import { Router } from 'express'
import { messagesJob, newMessageId, parseCountRequest, parseMessagesRequest, type MessagesPrompt } from '../dialects/anthropic.ts'
import { messageBody, messageStreamWriter } from '../dialects/anthropic-answer.ts'
import { requestIdOf } from '../http/request-log.ts'
import { checkContext } from '../jobs/run-job.ts'
import { collectOne, streamJob } from '../jobs/serve-job.ts'
import type { CompletionRoutesOptions } from './completions.ts'

export function messageRoutes(options: CompletionRoutesOptions): Router {
  const { models, backend, encoder } = options
  const encode = async ({ model, turns, continueFinal }: MessagesPrompt) => {
    const entry = await models.find(model)
    const text = await models.text(entry)
    return { entry, text, promptIds: await encoder.chat(entry, text, turns, { continueFinal }) }
  }
  const router = Router()
  router.use('/v1/messages', (_request, response, next) => {
    response.setHeader('request-id', requestIdOf(response))
    next()
  })
  router.post('/v1/messages', async (request, response) => {
    const fields = parseMessagesRequest(request.body)
    const { entry, text, promptIds } = await encode(fields)
    const job = messagesJob(fields, entry.id, text, promptIds)
    checkContext(job, backend)
    const id = newMessageId()
    if (fields.stream) return streamJob(id, job, response, options, messageStreamWriter(id, job, requestIdOf(response)))
    response.json(messageBody(id, job, await collectOne(id, job, response, options)))
  })
  router.post('/v1/messages/count_tokens', async (request, response) => {
    response.json({ input_tokens: (await encode(parseCountRequest(request.body))).promptIds.length })
  })
  return router
}
