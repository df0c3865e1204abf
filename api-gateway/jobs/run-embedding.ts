/** Vectors of texts for one HTTP exchange. */
import { randomUUID } from 'node:crypto'
import type { Response } from 'express'
import type { RingEvent } from '../../core/client/ring-client.ts'
import { ClusterError, toClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { Pooling } from '../../protocol/ring.ts'
import type { CompletionBackend } from '../completion-backend.ts'
import { keyDigestOf } from '../http/api-key.ts'
import { requestIdOf } from '../http/request-log.ts'
import type { JobObservation } from '../metrics.ts'
import { NO_TRACE, type JobTrace } from '../traces.ts'
import type { JobContext } from './serve-job.ts'

/** Inputs of one request that are on the ring at once: as many as keep its shards at work. */
const AT_ONCE = 4
/** Inputs of one request that its trace tells of. */
const MOST_TRACED = 128

export type EmbeddingJob = { readonly model: ModelId; readonly inputs: readonly (readonly number[])[]; readonly pooling: Pooling }

/** The results in the order of `items`, `AT_ONCE` under way. */
export async function inTurn<T, R>(items: readonly T[], run: (item: T, index: number) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = []
  const left = items.entries()
  const work = async (): Promise<void> => {
    for (const [index, item] of left) results[index] = await run(item, index)
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

const runAll = (
  { model, inputs, pooling }: EmbeddingJob,
  backend: CompletionBackend,
  signal: AbortSignal,
  { trace, observation }: { readonly trace: JobTrace; readonly observation: JobObservation },
): Promise<readonly Float32Array[]> =>
  inTurn(inputs, async (promptIds, index) => {
    const { ring, end } = (index < MOST_TRACED ? trace : NO_TRACE).choice(index)
    const onRing = (event: RingEvent): void => {
      ring(event)
      observation.ring(index, event)
    }
    const vector = await backend.embed({ model, promptIds, pooling, signal, onRing })
    observation.embedded()
    end('vector')
    return vector
  })

/** Vectors in the order of the inputs, not yet cut or brought to a length; counted, traced, and ended with the client. @throws {ClusterError} */
export async function runEmbedding(
  job: EmbeddingJob,
  response: Response,
  context: JobContext,
): Promise<{ readonly vectors: readonly Float32Array[]; readonly tokens: number }> {
  const { admission, running, limits, metrics, traces } = context
  const tokens = job.inputs.reduce((sum, { length }) => sum + length, 0)
  const id = `embd-${randomUUID().replaceAll('-', '')}`
  const trace = traces.begin({ id, requestId: requestIdOf(response), model: job.model, promptTokens: tokens })
  const observation = metrics.observe({ count: Math.min(AT_ONCE, job.inputs.length), promptTokens: tokens, choicesPerPrompt: 1 })
  let failure: string | null = null
  try {
    const vectors = await whileConnected(response, async (abort) => {
      const ticket = admission.enter(keyDigestOf(response.req), Math.min(AT_ONCE, job.inputs.length), tokens)
      const remove = running.add(id, (reason) => abort.abort(reason))
      abort.signal.addEventListener('abort', ticket.leave, { once: true })
      try {
        await ticket.turn
        observation.begin()
        return await runAll(job, context.backend, abort.signal, { trace, observation })
      } finally {
        remove()
        ticket.leave()
      }
    })
    limits.spend(response, tokens)
    return { vectors, tokens }
  } catch (error) {
    const typed = toClusterError(error)
    failure = `${typed.code}: ${typed.message}`
    observation.failed(typed)
    throw error
  } finally {
    observation.end()
    trace.end(failure)
  }
}
