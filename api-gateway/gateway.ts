/** The HTTP side of Ringlet: API, files of models, pages. Everything that it needs is passed in; it opens no port. */
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import type { ServerOptions } from 'node:http'
import { ClusterError } from '../protocol/errors.ts'
import type { ModelId } from '../protocol/ids.ts'
import type { Access } from './access/access.ts'
import type { CompletionBackend } from './completion-backend.ts'
import { authorize, needOf } from './http/authorize.ts'
import { createRateLimits } from './http/rate-limit.ts'
import { fromHttpError, sendErrorOf } from './http/error-response.ts'
import { jsonBody } from './http/json-body.ts'
import { checkHost, checkOrigin, type HostPolicy } from './http/origins.ts'
import { identifyAndLog } from './http/request-log.ts'
import { createAdmission, DEFAULT_LIMITS, type AdmissionLimits } from './jobs/admission.ts'
import { createKeptStreams } from './jobs/kept-streams.ts'
import type { RunningJobs } from './jobs/running-jobs.ts'
import type { Log } from './log.ts'
import type { OnView } from './cluster-gauges.ts'
import { createMetrics } from './metrics.ts'
import { createTraces } from './traces.ts'
import type { ModelCatalog } from './model-catalog.ts'
import type { ModelCards } from './model-cards.ts'
import { methodsOf, pathsWithBody } from './openapi/operations.ts'
import type { PromptEncoder } from './prompt-encoder.ts'
import { accessRoutes } from './routes/access.ts'
import { clusterRoutes, type PlacementWishes } from './routes/cluster.ts'
import { deviceRoutes, type DeviceControl } from './routes/devices.ts'
import { addressRoutes, type ServerAddresses } from './routes/addresses.ts'
import { catalogRoutes } from './routes/catalog.ts'
import { completionRoutes } from './routes/completions.ts'
import { embeddingRoutes } from './routes/embeddings.ts'
import { healthRoutes } from './routes/health.ts'
import { hubFileRoutes } from './routes/hub-files.ts'
import { loadRoutes } from './routes/load.ts'
import { modelFileRoutes, type ModelBytes } from './routes/model-files.ts'
import { messageRoutes } from './routes/messages.ts'
import { modelRoutes } from './routes/models.ts'
import { ollamaRoutes } from './routes/ollama.ts'
import { openApiRoutes } from './routes/openapi.ts'
import { isolate, pageRoutes } from './routes/pages.ts'
import { traceRoutes } from './routes/traces.ts'
import { responseRoutes } from './routes/responses.ts'
import { streamRoutes } from './routes/streams.ts'
import { tokenRoutes } from './routes/tokens.ts'
import type { Hub } from './hub-access.ts'
import type { Shared } from './shared/shared.ts'
import { createMemoryStore } from './shared/response-store.ts'
import type { Uploads } from './uploads.ts'

export type GatewayOptions = {
  readonly backend: CompletionBackend
  readonly models: ModelCatalog
  readonly encoder: PromptEncoder
  readonly wishes: PlacementWishes
  readonly cards: ModelCards
  readonly uploads: Uploads
  readonly devices: DeviceControl
  readonly addresses: () => ServerAddresses
  /** Answers may begin from what earlier ones with the same API key computed. */
  readonly keepsPrefixes: boolean
  readonly running: RunningJobs
  /** What /ready asks about. */
  readonly defaultModel: ModelId | null
  readonly access: Access
  readonly hosts: HostPolicy
  /** Foreign origins whose pages may call, for example `https://chat.example`. */
  readonly origins: readonly string[]
  readonly log: Log
  /** Folder of the built pages; null = API only. */
  readonly staticDir: string | null
  readonly weightOrigins: readonly string[]
  /** Whose private files are handed on to devices; null = none. */
  readonly hub: Hub | null
  /** Told of every change of the backend's view; without it re-forms are not counted. */
  readonly onView?: OnView
  readonly maxBodyBytes?: number
  /** Default: 512 answers at once, and as many requests that wait. */
  readonly admission?: AdmissionLimits
  readonly onModelBytes?: (bytes: ModelBytes) => void
  /** With the other gateways of the cluster; absent: this process alone counts and keeps. */
  readonly shared?: Pick<Shared, 'openWindow' | 'responses'>
}

const DEFAULT_MAX_BODY_BYTES = 8 * 1024 * 1024

/** For `http.createServer`: Node's own limits let a client hold a socket for minutes by sending slowly (faults.md 23). */
export const HTTP_LIMITS = {
  headersTimeout: 15_000,
  requestTimeout: 60_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
} as const satisfies ServerOptions

const OUT_OF_SCOPE = [
  'images',
  'audio',
  'files',
  'batches',
  'fine_tuning',
  'assistants',
  'threads',
  'vector_stores',
  'moderations',
  'realtime',
  'rerank',
  'infill',
  'uploads',
  'videos',
]

function routeNotFound(path: string): ClusterError {
  const name = /^\/v1\/([a-z_]+)/.exec(path)?.[1]
  if (name !== undefined && OUT_OF_SCOPE.includes(name)) {
    return new ClusterError('route_not_found', `/v1/${name} is out of scope: this server answers with text from a language model only`)
  }
  return new ClusterError('route_not_found', `there is nothing at ${path.slice(0, 200)}; the API is under /v1`)
}

const endOfRoutes: RequestHandler = (request, response, next) => {
  const methods = methodsOf(request.path)
  // One that takes the method has passed the request on: here it has nothing for it.
  if (methods.length === 0 || methods.includes(request.method === 'HEAD' ? 'GET' : request.method)) return next(routeNotFound(request.path))
  response.setHeader('allow', methods.join(', '))
  next(new ClusterError('method_not_allowed', `${request.path} takes ${methods.join(' and ')}, not ${request.method}`))
}

const answerErrors =
  (log: Log): ErrorRequestHandler =>
  (thrown: unknown, request, response, _next) => {
    const error = fromHttpError(thrown)
    if (error.code === 'internal') log.error({ err: error.cause ?? error, request: response.getHeader('x-request-id') }, 'a request failed')
    // The stream has begun: its own writer has told the error, or the client is gone.
    if (response.headersSent) response.destroy()
    else sendErrorOf(request.path, response, error)
  }

export function createGateway(options: GatewayOptions): Express {
  const { backend, models, log, running } = options
  const metrics = createMetrics(backend, options.onView)
  const traces = createTraces({ view: backend.view, now: () => performance.now(), date: () => new Date() })
  const app = express()
  app.disable('x-powered-by')
  app.set('etag', false)
  app.set('query parser', 'simple')
  app.use(identifyAndLog(log), metrics.countRequest, isolate, checkHost(options.hosts), checkOrigin(options.origins))
  app.use(healthRoutes(backend, options.defaultModel, running.isDraining))
  app.use(openApiRoutes())
  app.use(authorize(options.access))
  const { shared } = options
  const limits = createRateLimits(shared?.openWindow)
  app.post(
    pathsWithBody('POST').filter((path) => needOf(path) === 'inference'),
    limits.admit,
  )
  const readBody = jsonBody(options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES)
  app.post(pathsWithBody('POST'), readBody)
  app.patch(pathsWithBody('PATCH'), readBody)
  const admission = createAdmission(options.admission ?? DEFAULT_LIMITS, () => performance.now())
  const streams = createKeptStreams()
  const generating = {
    backend,
    models,
    encoder: options.encoder,
    running,
    metrics,
    limits,
    traces,
    admission,
    streams,
    log,
    keepsPrefixes: options.keepsPrefixes,
  }
  app.use(
    completionRoutes(generating),
    embeddingRoutes(generating),
    responseRoutes({ ...generating, store: shared?.responses ?? createMemoryStore() }),
    messageRoutes(generating),
    ollamaRoutes({ ...generating, wishes: options.wishes }),
  )
  app.use(tokenRoutes({ models, encoder: options.encoder, defaultModel: options.defaultModel }))
  app.use(accessRoutes(options.access))
  app.use(modelRoutes(models))
  app.use(catalogRoutes({ models, cards: options.cards, uploads: options.uploads, wishes: options.wishes }))
  app.use(traceRoutes(traces))
  app.use(loadRoutes(admission, traces), streamRoutes(streams))
  app.use(clusterRoutes(backend.view, models, options.wishes), deviceRoutes(backend.view, options.devices), addressRoutes(options.addresses))
  app.get('/metrics', async (_request, response) => void response.type(metrics.contentType).send(await metrics.render()))
  app.use(modelFileRoutes(models, options.onModelBytes))
  if (options.hub) app.use(hubFileRoutes(options.hub))
  if (options.staticDir !== null) app.use(pageRoutes({ staticDir: options.staticDir, weightOrigins: options.weightOrigins }))
  app.use(endOfRoutes)
  app.use(answerErrors(log))
  return app
}
