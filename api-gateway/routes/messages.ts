/** The endpoints of Anthropic's dialect. */
import { Router } from 'express'
import { messagesJob, newMessageId, parseCountRequest, parseMessagesRequest, thinkingVariables, type MessagesPrompt } from '../dialects/anthropic.ts'
import { messageBody, messageStreamWriter } from '../dialects/anthropic-answer.ts'
import { requestIdOf } from '../http/request-log.ts'
import { planChat } from '../jobs/answer-plan.ts'
import { checkContext } from '../jobs/run-job.ts'
import { collectOne, streamJob } from '../jobs/serve-job.ts'
import type { CompletionRoutesOptions } from './completions.ts'

export function messageRoutes(options: CompletionRoutesOptions): Router {
  const { models, backend, encoder } = options
  const encode = async (prompt: MessagesPrompt) => {
    const { model, turns, continueFinal, wish } = prompt
    const entry = await models.find(model)
    const text = await models.text(entry)
    const variables = thinkingVariables(prompt, text)
    return { entry, text, planned: await planChat(encoder, { entry, text }, turns, wish, { continueFinal, variables }) }
  }
  const router = Router()
  router.use('/v1/messages', (_request, response, next) => {
    response.setHeader('request-id', requestIdOf(response))
    next()
  })
  router.post('/v1/messages', async (request, response) => {
    const fields = parseMessagesRequest(request.body)
    const { entry, text, planned } = await encode(fields)
    const job = messagesJob(fields, entry.id, text, planned)
    checkContext(job, backend)
    const id = newMessageId()
    if (fields.stream) return streamJob(id, job, response, options, messageStreamWriter(id, job, requestIdOf(response)))
    response.json(messageBody(id, job, await collectOne(id, job, response, options)))
  })
  router.post('/v1/messages/count_tokens', async (request, response) => {
    response.json({ input_tokens: (await encode(parseCountRequest(request.body))).planned.promptIds.length })
  })
  return router
}
