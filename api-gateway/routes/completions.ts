/** The endpoints that generate. Each: parse, find the model, make token ids, run the job, answer whole or as a stream. */
import { Router, type Request, type Response } from 'express'
import { ClusterError } from '../../protocol/errors.ts'
import type { CompletionBackend } from '../completion-backend.ts'
import { createChatTimings } from '../dialects/chat-timings.ts'
import { chatJob, newChatId, parseChatRequest, templateVariables } from '../dialects/openai-chat.ts'
import { chatBody, chatStreamWriter, type Envelope } from '../dialects/openai-chat-answer.ts'
import {
  checkIds,
  completionBody,
  completionJob,
  completionStreamWriter,
  echoes,
  newCompletionId,
  parseCompletionRequest,
  promptsOf,
} from '../dialects/openai-completions.ts'
import { planChat } from '../jobs/answer-plan.ts'
import { checkContext } from '../jobs/run-job.ts'
import { collectJob, streamJob, type JobContext } from '../jobs/serve-job.ts'
import type { ModelCatalog, ModelEntry } from '../model-catalog.ts'
import type { PromptEncoder } from '../prompt-encoder.ts'

export type CompletionRoutesOptions = JobContext & { readonly models: ModelCatalog; readonly encoder: PromptEncoder }

/** Placement and backends decide whether one seed gives one text, so the fingerprint names both. */
function fingerprintOf(backend: CompletionBackend, entry: ModelEntry): string {
  const view = backend.view()
  const placement = view.placements.get(entry.id)
  const backends = new Set(placement?.shards.map((shard) => view.peers.get(shard.peerId)?.capabilities?.backend ?? 'unknown'))
  return placement ? `fp_${placement.epoch}_${placement.shards.length}_${[...backends].sort().join('-')}` : 'fp_none'
}

const envelopeOf = (id: string, entry: ModelEntry, backend: CompletionBackend): Envelope => ({
  id,
  created: Math.floor(Date.now() / 1000),
  model: entry.id,
  system_fingerprint: fingerprintOf(backend, entry),
})

export function completionRoutes(options: CompletionRoutesOptions): Router {
  const { models, backend, encoder } = options

  const chat = async (request: Request, response: Response): Promise<void> => {
    const fields = parseChatRequest(request.body)
    const entry = await models.find(fields.model)
    const text = await models.text(entry)
    const variables = templateVariables(fields, text)
    const planned = await planChat(encoder, { entry, text }, fields.turns, fields.wish, { continueFinal: fields.continueFinal, variables })
    const job = chatJob(fields, entry.id, text, planned)
    checkContext(job, backend)
    const envelope = envelopeOf(newChatId(), entry, backend)
    const watch = createChatTimings(job, () => performance.now())
    if (fields.stream) return streamJob(envelope.id, job, response, options, chatStreamWriter(envelope, job, fields, watch))
    response.json(chatBody(envelope, job, await collectJob(envelope.id, job, response, options, watch.event), watch))
  }

  const complete = async (request: Request, response: Response): Promise<void> => {
    const fields = parseCompletionRequest(request.body)
    const entry = await models.find(fields.model)
    const text = await models.text(entry)
    const prompts = await Promise.all(
      promptsOf(fields).map(async (prompt) => (typeof prompt === 'string' ? encoder.text(entry, text, prompt) : prompt)),
    )
    for (const ids of prompts) checkIds(ids, text.vocabSize)
    const job = completionJob(fields, entry.id, text, prompts)
    checkContext(job, backend)
    const envelope = envelopeOf(newCompletionId(), entry, backend)
    const before = echoes(fields, job)
    if (fields.stream) return streamJob(envelope.id, job, response, options, completionStreamWriter(envelope, job, before, fields))
    response.json(completionBody(envelope, job, before, await collectJob(envelope.id, job, response, options)))
  }

  const router = Router()
  router.post(['/v1/chat/completions', '/chat/completions'], chat)
  router.post('/v1/completions', complete)
  router.post('/v1/cancel/:id', (request, response) => {
    if (!options.running.cancel(request.params.id))
      throw new ClusterError('route_not_found', 'no request with that id runs', { detail: { param: 'id' } })
    response.json({ id: request.params.id, cancelled: true })
  })
  return router
}
