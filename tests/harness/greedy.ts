import type { RingClient } from '../../core/client/ring-client.ts'
import type { ModelId } from '../../protocol/ids.ts'
import { GREEDY } from '../../protocol/ring.ts'

/** Ids that a ring generates greedily behind a prompt. */
export async function greedyIds(client: RingClient, model: ModelId, promptIds: readonly number[], count: number): Promise<readonly number[]> {
  const ids: number[] = []
  const request = { model, promptIds, sampling: GREEDY, stopIds: [], maxTokens: count, signal: new AbortController().signal }
  for await (const event of client.complete(request)) if (event.type === 'token') ids.push(event.tokenId)
  return ids
}
