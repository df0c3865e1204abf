/** The endpoints of Ollama's dialect. */
import { randomUUID } from 'node:crypto'
import { Router, type Request, type Response } from 'express'
import { z } from 'zod'
import { answerGrammar } from '../../core/constrain/tool-grammar.ts'
import { toClusterError } from '../../protocol/errors.ts'
import { parseFields } from '../dialects/openai-fields.ts'
import { asksForLoading, ollamaJob, parseOllamaChat, parseOllamaGenerate, type OllamaRequest } from '../dialects/ollama.ts'
import { emptyAnswer, ollamaBody, ollamaErrorBody, ollamaStreamWriter, startStopwatch } from '../dialects/ollama-answer.ts'
import { runningOf, showOf, tagOf } from '../dialects/ollama-models.ts'
import { thinkingSwitch } from '../dialects/tool-fields.ts'
import { createEventStream } from '../http/event-stream.ts'
import { PLAIN_ANSWER, planChat } from '../jobs/answer-plan.ts'
import { checkContext } from '../jobs/run-job.ts'
import { collectOne, streamJob } from '../jobs/serve-job.ts'
import type { ModelEntry } from '../model-catalog.ts'
import PACKAGE from '../../package.json' with { type: 'json' }
import type { PlacementWishes } from './cluster.ts'
import type { CompletionRoutesOptions } from './completions.ts'
import { pullModel } from './ollama-pull.ts'

export type OllamaRoutesOptions = CompletionRoutesOptions & { readonly wishes: PlacementWishes }

export const ollamaModelSchema = z.looseObject({ model: z.unknown().optional(), name: z.unknown().optional(), stream: z.boolean().nullish() })
const TERMS = { strategy: 'memory-weighted', quality: 'balanced', minDevices: 1, maxDevices: 1024 } as const

/** Aborted when the client goes away. */
function closing(response: Response): AbortSignal {
  const abort = new AbortController()
  response.once('close', () => abort.abort())
  return abort.signal
}

export function ollamaRoutes(options: OllamaRoutesOptions): Router {
  const { models, backend, encoder, wishes } = options

  async function load({ id }: ModelEntry, unloads: boolean): Promise<'load' | 'unload'> {
    if (unloads) await wishes.drop(id)
    else if (!backend.view().wishes.has(id)) await wishes.ask({ model: id, ...TERMS, state: 'serve' })
    return unloads ? 'unload' : 'load'
  }

  async function answer(fields: OllamaRequest, response: Response): Promise<void> {
    const entry = await models.find(fields.model)
    const { prompt, endpoint, stream } = fields
    if (asksForLoading(fields)) {
      const body = emptyAnswer(endpoint, entry.id, await load(entry, fields.unloads))
      if (!stream) return void response.json(body)
      const lines = createEventStream(response, 'ndjson')
      lines.event(body)
      return lines.end()
    }
    const text = await models.text(entry)
    const planned =
      prompt.type === 'text'
        ? {
            ...PLAIN_ANSWER,
            promptIds: await encoder.text(entry, text, prompt.text),
            grammar: answerGrammar({ calls: null, json: fields.wish.json, after: null }),
          }
        : await planChat(encoder, { entry, text }, prompt.turns, fields.wish, {
            continueFinal: prompt.continueFinal,
            variables: thinkingSwitch(fields.thinks, text, 'think'),
          })
    const job = ollamaJob(fields, entry.id, text, planned)
    checkContext(job, backend)
    const id = `ollama-${randomUUID()}`
    const watch = startStopwatch(() => performance.now())
    if (stream) return streamJob(id, job, response, options, ollamaStreamWriter(endpoint, job, watch))
    const result = await collectOne(id, job, response, options, watch.event)
    response.json(ollamaBody(endpoint, job, result, watch))
  }

  const entryOf = (request: Request): Promise<ModelEntry> => {
    const { model, name } = parseFields(ollamaModelSchema, request.body)
    const wanted = model ?? name
    return models.find(typeof wanted === 'string' ? wanted.replace(/:latest$/, '') : wanted)
  }

  async function pull(request: Request, response: Response): Promise<void> {
    const entry = await entryOf(request)
    const lines = pullModel(entry, { view: backend.view, wishes, terms: TERMS, signal: closing(response) })
    if (request.body.stream === false) {
      for await (const _line of lines) void _line
      return void response.json({ status: 'success' })
    }
    const stream = createEventStream(response, 'ndjson')
    try {
      for await (const line of lines) stream.event(line)
    } catch (error) {
      if (!stream.isOpen()) throw error
      stream.event(ollamaErrorBody(toClusterError(error)))
    }
    stream.end()
  }

  const router = Router()
  router.post('/api/pull', pull)
  router.post('/api/chat', (request, response) => answer(parseOllamaChat(request.body), response))
  router.post('/api/generate', (request, response) => answer(parseOllamaGenerate(request.body), response))
  // The page of the chat has the same address; only a client that wants no page gets the line that Ollama's probes look for.
  router.get('/', (request, response, next) => (request.accepts('html') ? next() : void response.type('text').send('Ollama is running')))
  router.get('/api/version', (_request, response) => void response.json({ version: PACKAGE.version }))
  router.get('/api/tags', async (_request, response) => {
    const described = (await models.list()).map(async (entry) => tagOf(entry, await models.describe(entry)))
    // A folder that cannot be read is one model less, not an empty picker.
    const settled = await Promise.allSettled(described)
    response.json({ models: settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])) })
  })
  router.get('/api/ps', async (_request, response) => {
    const view = backend.view()
    const placed = [...view.placements.values()].filter(({ shards }) => shards.length > 0)
    const running = placed.map(async (placement) => {
      const entry = await models.find(placement.model)
      return runningOf(entry, await models.describe(entry), placement, view)
    })
    response.json({ models: await Promise.all(running) })
  })
  router.post('/api/show', async (request, response) => {
    const entry = await entryOf(request)
    const [model, text] = await Promise.all([models.describe(entry), models.text(entry)])
    response.json(showOf(entry, model, text.chatTemplate))
  })
  return router
}
