/** Vectors of texts, from models of embeddings. */
import { randomUUID } from 'node:crypto'
import { Router, type Request, type Response } from 'express'
import type { EmbeddingCard } from '../../core/text/embedding-card.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { checkIds } from '../dialects/openai-completions.ts'
import { checkDimensions, embeddingBody, finished, inputsOf, parseEmbeddingRequest } from '../dialects/openai-embeddings.ts'
import { keyDigestOf } from '../http/api-key.ts'
import type { JobContext } from '../jobs/serve-job.ts'
import type { ModelCatalog, ModelEntry } from '../model-catalog.ts'
import type { PromptEncoder } from '../prompt-encoder.ts'

export type EmbeddingRoutesOptions = JobContext & { readonly models: ModelCatalog; readonly encoder: PromptEncoder }

/** Inputs of one request that are on the ring at once: as many as keep its shards at work. */
const AT_ONCE = 4

async function cardOf(models: ModelCatalog, entry: ModelEntry): Promise<EmbeddingCard> {
  const card = await models.embedding(entry)
  if (card) return card
  throw new ClusterError('invalid_value', `${entry.id} is no model of embeddings: it has no modules.json that says how its vectors are made`, {
    detail: { param: 'model' },
  })
}

/** The results in the order of `items`, `AT_ONCE` under way. */
async function inTurn<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = []
  const left = items.entries()
  const work = async (): Promise<void> => {
    for (const [index, item] of left) results[index] = await run(item)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, work))
  return results
}

/** Runs with a signal that the client's leaving aborts, and so does a failure: nothing of it goes on. */
async function whileConnected<T>(response: Response, run: (abort: AbortController) => Promise<T>): Promise<T> {
  const abort = new AbortController()
  const onClose = (): void => abort.abort(new ClusterError('cancelled', 'the client went away'))
  response.once('close', onClose)
  if (response.destroyed) onClose()
  try {
    return await run(abort)
  } catch (error) {
    throw abort.signal.aborted && abort.signal.reason instanceof ClusterError ? abort.signal.reason : error
  } finally {
    response.off('close', onClose)
    abort.abort()
  }
}

export function embeddingRoutes(options: EmbeddingRoutesOptions): Router {
  const { models, encoder, backend, admission, running, limits } = options

  function checkLength(promptIds: readonly number[], entry: ModelEntry, most: number): void {
    const limit = Math.min(most, backend.view().placements.get(entry.id)?.contextLength ?? most)
    if (promptIds.length < limit) return
    throw new ClusterError('context_length_exceeded', `an input has ${promptIds.length} tokens and the context holds ${limit - 1}`, {
      detail: { promptTokens: promptIds.length, contextLength: limit, param: 'input' },
    })
  }

  const embed = async (request: Request, response: Response): Promise<void> => {
    const fields = parseEmbeddingRequest(request.body)
    const entry = await models.find(fields.model)
    const card = await cardOf(models, entry)
    const [text, model] = await Promise.all([models.text(entry), models.describe(entry)])
    checkDimensions(fields, card, model.config.hiddenSize)
    const inputs = await inTurn(inputsOf(fields), async (input) =>
      typeof input === 'string' ? encoder.text(entry, text, card.prompt + input) : input,
    )
    for (const promptIds of inputs) {
      checkIds(promptIds, text.vocabSize, 'input')
      checkLength(promptIds, entry, text.contextLength)
    }
    const tokens = inputs.reduce((sum, { length }) => sum + length, 0)
    const ticket = admission.enter(keyDigestOf(request), Math.min(AT_ONCE, inputs.length), tokens)
    try {
      const vectors = await whileConnected(response, async (abort) => {
        const remove = running.add(`embd-${randomUUID().replaceAll('-', '')}`, (reason) => abort.abort(reason))
        abort.signal.addEventListener('abort', ticket.leave, { once: true })
        try {
          await ticket.turn
          return await inTurn(inputs, (promptIds) => backend.embed({ model: entry.id, promptIds, pooling: card.pooling, signal: abort.signal }))
        } finally {
          remove()
        }
      })
      limits.spend(response, tokens)
      const whole = vectors.map((vector) => finished(vector, fields, card))
      response.json(embeddingBody(fields, entry.id, whole, tokens))
    } finally {
      ticket.leave()
    }
  }

  const router = Router()
  router.post('/v1/embeddings', embed)
  return router
}
