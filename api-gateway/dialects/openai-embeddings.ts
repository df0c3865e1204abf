/** POST /v1/embeddings: what is asked for, and how vectors are written. */
import { z } from 'zod'
import type { EmbeddingCard } from '../../core/text/embedding-card.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { parseFields, refuseUnsupported } from './openai-fields.ts'

/** Inputs of one request, as at OpenAI. */
const MAX_INPUTS = 2048
const ids = z.array(z.number().int().min(0)).min(1)
export const embeddingsBodySchema = z.looseObject({
  model: z.unknown().optional(),
  input: z.union(
    [z.string().min(1), z.array(z.string().min(1)).min(1).max(MAX_INPUTS), ids, z.array(ids).min(1).max(MAX_INPUTS)],
    `expected a text, token ids, or a list of up to ${MAX_INPUTS} of either, not empty`,
  ),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.number().int().min(1).nullish(),
  user: z.string().nullish(),
})
export type EmbeddingRequest = z.infer<typeof embeddingsBodySchema>

/** @throws {ClusterError} invalid_value, unsupported_field */
export function parseEmbeddingRequest(body: Readonly<Record<string, unknown>>): EmbeddingRequest {
  const fields = parseFields(embeddingsBodySchema, body)
  refuseUnsupported(body, { truncate_prompt_tokens: () => false, pooling: () => false, normalize: () => false, stream: (value) => value === false })
  return fields
}

/** One by one, each a text or token ids. */
export function inputsOf({ input }: EmbeddingRequest): readonly (string | readonly number[])[] {
  if (typeof input === 'string') return [input]
  const isIds = (list: typeof input): list is number[] => typeof list[0] === 'number'
  return isIds(input) ? [input] : input
}

/** @param hiddenSize elements of the whole vector @throws {ClusterError} invalid_value */
export function checkDimensions({ dimensions }: EmbeddingRequest, { cuts }: EmbeddingCard, hiddenSize: number): void {
  if (dimensions === null || dimensions === undefined || dimensions === hiddenSize) return
  const refuse = (message: string): never => {
    throw new ClusterError('invalid_value', `dimensions: ${message}`, { detail: { param: 'dimensions' } })
  }
  if (cuts === false) refuse(`vectors of this model have ${hiddenSize}, and nothing says that they may be cut`)
  if (dimensions > hiddenSize) refuse(`vectors of this model have ${hiddenSize}`)
  if (typeof cuts !== 'boolean' && !cuts.includes(dimensions)) refuse(`vectors of this model may be cut to ${cuts.join(', ')}`)
}

/** Cut, and at a length of 1 where the model says so or a part is all there is. */
export function finished(vector: Float32Array, { dimensions }: EmbeddingRequest, { normalizes }: EmbeddingCard): Float32Array {
  const kept = vector.subarray(0, dimensions ?? vector.length)
  const length = Math.sqrt(kept.reduce((sum, value) => sum + value * value, 0))
  return length > 0 && (normalizes || kept.length < vector.length) ? kept.map((value) => value / length) : kept
}

/** Little-endian floats. */
function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, i) => bytes.writeFloatLE(value, i * 4))
  return bytes.toString('base64')
}

export function embeddingBody(request: EmbeddingRequest, model: string, vectors: readonly Float32Array[], promptTokens: number): object {
  const write = (vector: Float32Array): string | readonly number[] => (request.encoding_format === 'base64' ? base64Of(vector) : [...vector])
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: write(vector) })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  }
}
