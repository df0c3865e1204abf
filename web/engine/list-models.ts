/** The models of the server this page came from, by `GET /v1/models`. */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'
import { modelIdSchema } from '../../protocol/cluster.ts'
import type { ModelId } from '../../protocol/ids.ts'

const modelListSchema = z.object({ data: z.array(z.object({ id: modelIdSchema })).max(10_000) })

/** @throws {ClusterError} invalid_api_key, source_unavailable */
export async function listModels(fetcher: typeof fetch): Promise<readonly ModelId[]> {
  const response = await fetcher('/v1/models').catch((cause: unknown) => {
    throw new ClusterError('source_unavailable', 'the server could not be reached for its list of models', { cause })
  })
  if (response.status === 401) throw new ClusterError('invalid_api_key', 'the server lists its models only with a key')
  const parsed = modelListSchema.safeParse(response.ok ? await response.json().catch(() => null) : null)
  if (!parsed.success) throw new ClusterError('source_unavailable', `the server answered the list of models with status ${response.status}`)
  return parsed.data.data.map((model) => model.id)
}
