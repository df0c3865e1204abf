/** Vectors of texts, from models of embeddings. */
import { Router, type Request, type Response } from 'express'
import type { EmbeddingCard } from '../../core/text/embedding-card.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { checkIds } from '../dialects/openai-completions.ts'
import { checkDimensions, embeddingBody, finished, inputsOf, parseEmbeddingRequest } from '../dialects/openai-embeddings.ts'
import { inTurn, runEmbedding } from '../jobs/run-embedding.ts'
import type { JobContext } from '../jobs/serve-job.ts'
import type { ModelCatalog, ModelEntry } from '../model-catalog.ts'
import type { PromptEncoder } from '../prompt-encoder.ts'

export type EmbeddingRoutesOptions = JobContext & { readonly models: ModelCatalog; readonly encoder: PromptEncoder }

async function cardOf(models: ModelCatalog, entry: ModelEntry): Promise<EmbeddingCard> {
  const card = await models.embedding(entry)
  if (card) return card
  throw new ClusterError(
    'invalid_value',
    `${entry.id} is no model of embeddings: neither a modules.json nor a GGUF file's pooling_type says how its vectors are made`,
    {
      detail: { param: 'model' },
    },
  )
}

export function embeddingRoutes(options: EmbeddingRoutesOptions): Router {
  const { models, encoder, backend } = options

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
    const { vectors, tokens } = await runEmbedding({ model: entry.id, inputs, pooling: card.pooling }, response, options)
    const whole = vectors.map((vector) => finished(vector, fields, card))
    response.json(embeddingBody(fields, entry.id, whole, tokens))
  }

  const router = Router()
  router.post('/v1/embeddings', embed)
  return router
}
