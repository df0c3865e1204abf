/** State of the cluster as JSON, and wishes for placements. */
import { Router } from 'express'
import { z } from 'zod'
import { placementState, shardReport, shardState, type ClusterView } from '../../core/cluster/cluster-view.ts'
import { lapFigures, lapReportOf } from '../../core/cluster/lap-figures.ts'
import { qualitySchema, strategySchema } from '../../protocol/cluster.ts'
import type { LinkPath, Placement, Quality, Shard, Strategy, WishState } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { isModelId, type ModelId } from '../../protocol/ids.ts'
import { parseFields } from '../dialects/openai-fields.ts'
import type { ModelCatalog } from '../model-catalog.ts'

export type PlacementRequest = {
  readonly model: ModelId
  readonly strategy: Strategy
  readonly quality: Quality
  readonly minDevices: number
  readonly maxDevices: number
  readonly state: WishState
}
/** How wishes reach the cluster. */
export type PlacementWishes = {
  readonly ask: (request: PlacementRequest) => Promise<void> | void
  /** Stops, resumes or only fetches what is wished, on its terms. */
  readonly become: (model: ModelId, state: WishState) => Promise<void> | void
  readonly drop: (model: ModelId) => Promise<void> | void
  /** Drops it, and has every page delete what it keeps of the model. */
  readonly forget: (model: ModelId) => Promise<void> | void
}

const devices = z.number().int().min(1).max(1024)
export const placementSchema = z.object({
  model: z.unknown().optional(),
  strategy: strategySchema.default('memory-weighted'),
  quality: qualitySchema.default('balanced'),
  minDevices: devices.default(1),
  maxDevices: devices.default(1024),
  state: z.enum(['serve', 'prefetch', 'paused']).default('serve'),
})
export const placementChangeSchema = z.object({ state: placementSchema.shape.state.unwrap() })

/** How frames go from `shard` to the next one of its lap, as either end reports it; null before they have met. */
function pathToNext(view: ClusterView, placement: Placement, shard: Shard): LinkPath | null {
  const next = placement.shards[(placement.shards.indexOf(shard) + 1) % placement.shards.length]
  if (!next || next.peerId === shard.peerId) return 'local'
  const reported = (from: string, to: string): LinkPath | undefined =>
    [...view.peers.values()].find((peer) => peer.id === from)?.status.links.find((link) => link.peerId === to)?.path
  return reported(shard.peerId, next.peerId) ?? reported(next.peerId, shard.peerId) ?? null
}

function lapsJson(view: ClusterView, placement: Placement): object {
  const { predictedMs, observedMs, observedP95Ms, queueMs } = lapFigures(view, placement)
  return { predictedLapMs: predictedMs, observedLapMs: observedMs, observedLapP95Ms: observedP95Ms, observedQueueMs: queueMs }
}

function shardJson(view: ClusterView, placement: Placement, shard: Shard): object {
  const report = shardReport(view, placement, shard)
  return {
    ...shard,
    path: pathToNext(view, placement, shard),
    state: shardState(view, placement, shard),
    heldBytes: report?.heldBytes ?? 0,
    // Null until the shard is ready: it is measured while weights are loaded.
    quantization: report?.quantization ?? null,
    // Smoothed over laps of one token; null before the first.
    timing: lapReportOf(view, placement)?.stages[placement.shards.indexOf(shard)] ?? null,
  }
}

export function clusterJson(view: ClusterView): object {
  const peers = [...view.peers.values()].sort((a, b) => a.joined - b.joined)
  return {
    peers: peers.map(({ id, name, role, capabilities, status }) => ({
      id,
      name,
      role,
      backend: capabilities?.backend ?? null,
      weightFormats: capabilities?.weightFormats ?? [],
      // Measured when it joined, in words; null where its person chose. Milliseconds a layer, by model and format.
      backendReason: capabilities?.backendReason ?? null,
      layerSpeeds: capabilities?.layerSpeeds ?? [],
      memoryBytes: capabilities?.memoryBytes ?? 0,
      state: status.state,
      visibility: status.visibility,
      layerMs: status.layerMs,
      layers: status.shards.map(({ model, startLayer, endLayer }) => ({ model, startLayer, endLayer })),
      links: status.links,
      sequences: status.sequences,
      checks: status.checks ?? [],
    })),
    wishes: [...view.wishes.values()].map(({ model, source, state }) => ({ model, source, state })),
    placements: [...view.placements.values()].map((placement) => ({
      model: placement.model,
      epoch: placement.epoch,
      strategy: placement.strategy,
      quality: placement.quality,
      numLayers: placement.numLayers,
      contextLength: placement.contextLength,
      state: placementState(view, placement),
      shards: placement.shards.map((shard) => shardJson(view, placement, shard)),
      spares: placement.spares.map((spare) => ({
        ...spare,
        warm: spare.endLayer > spare.startLayer && shardState(view, placement, spare) === 'ready',
      })),
      ...lapsJson(view, placement),
      explanation: placement.explanation,
      problem: placement.problem,
    })),
  }
}

export function clusterRoutes(view: () => ClusterView, models: ModelCatalog, wishes: PlacementWishes): Router {
  const router = Router()
  router.get('/v1/cluster', (_request, response) => void response.json(clusterJson(view())))
  router.post('/v1/cluster/placements', async (request, response) => {
    const { model, ...fields } = parseFields(placementSchema, request.body)
    if (fields.minDevices > fields.maxDevices)
      throw new ClusterError('invalid_value', 'minDevices is larger than maxDevices', { detail: { param: 'minDevices' } })
    const wish = { model: (await models.find(model)).id, ...fields }
    await wishes.ask(wish)
    response.status(202).json(wish)
  })
  const placedOf = (segments: string | readonly string[]): ModelId => {
    const model = [segments].flat().join('/')
    if (isModelId(model) && (view().wishes.has(model) || view().placements.has(model))) return model
    throw new ClusterError('model_not_found', 'that model is not placed; GET /v1/cluster lists what is', { detail: { param: 'model' } })
  }
  router.patch('/v1/cluster/placements/*model', async (request, response) => {
    const model = placedOf(request.params.model)
    const { state } = parseFields(placementChangeSchema, request.body)
    await wishes.become(model, state)
    response.json({ model, state })
  })
  router.delete('/v1/cluster/placements/*model', async (request, response) => {
    const model = placedOf(request.params.model)
    await wishes.drop(model)
    response.json({ model, dropped: true })
  })
  return router
}
