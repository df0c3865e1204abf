/** POST /v1/embeddings, as far as it is read: no model here gives embeddings. */
import { z } from 'zod'
import { parseFields } from './openai-fields.ts'

const ids = z.array(z.number().int().min(0)).min(1)
export const embeddingsBodySchema = z.looseObject({
  model: z.unknown().optional(),
  input: z.union(
    [z.string().min(1), z.array(z.string().min(1)).min(1).max(2048), ids, z.array(ids).min(1).max(2048)],
    'expected a text, token ids, or a list of either, not empty',
  ),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.number().int().min(1).nullish(),
  user: z.string().nullish(),
})

/** @throws {ClusterError} invalid_value */
export const parseEmbeddingsRequest = (body: unknown): z.infer<typeof embeddingsBodySchema> => parseFields(embeddingsBodySchema, body)
