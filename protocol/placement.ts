/** What is wished of a model, and which devices hold which of its layers. */
import { z } from 'zod'
import {
  bytes,
  epoch,
  errorCodeSchema,
  layer,
  milliseconds,
  modelIdSchema,
  peerIdSchema,
  sentence,
  weightFormatSchema,
  qualitySchema,
  strategySchema,
} from './fields.ts'

/**
 * `serve`: loaded, and answering. `prefetch`: placed, and devices fetch their bytes without opening anything. `paused`: nothing is
 * loaded or answered, what was fetched stays. `forget`: paused, and every page deletes what it keeps of the source.
 */
const wishStateSchema = z.enum(['serve', 'prefetch', 'paused', 'forget'])
export type WishState = z.infer<typeof wishStateSchema>

/** Somebody wants a model; the announcer answers with a placement, devices do what its state says. */
export const wishSchema = z.object({
  model: modelIdSchema,
  /** Where devices read the checkpoint: an absolute URL, or a path on the server they joined; of a folder with config.json, or of a file whose path ends with `.gguf`. */
  source: z.string().min(1).max(2000),
  strategy: strategySchema,
  quality: qualitySchema,
  minDevices: z.number().int().min(1).max(1024),
  maxDevices: z.number().int().min(1).max(1024),
  /** Tokens a sequence may hold, prompt and answer together; null = what the model permits, at most 8192. */
  contextLength: z.number().int().min(1).nullable(),
  /** The server's own device: `withdraw` serves only while browsers cannot hold the model, `stay` is a member of the ring. */
  localDevice: z.enum(['withdraw', 'stay']),
  state: wishStateSchema.default('serve'),
})
export type Wish = z.infer<typeof wishSchema>

/** Memory that the range is estimated to need: what is not left for other models. */
const neededBytes = bytes.optional()
/** A range that a spare holds beside the ring, loaded or loading: what it takes over when its owner goes. */
const spareSchema = z.object({
  peerId: peerIdSchema,
  startLayer: layer,
  endLayer: layer,
  weightFormat: weightFormatSchema,
  memoryBytes: neededBytes,
})
export type Spare = z.infer<typeof spareSchema>

const shardSchema = z.object({
  peerId: peerIdSchema,
  /** Half-open layer range `[startLayer, endLayer)`. */
  startLayer: layer,
  endLayer: layer,
  /** Embeds tokens and starts each lap. */
  first: z.boolean(),
  /** Has final norm, head and sampler. */
  last: z.boolean(),
  /** How the device is to hold the shard's matrices. */
  weightFormat: weightFormatSchema,
  memoryBytes: neededBytes,
})
export type Shard = z.infer<typeof shardSchema>

/** The ordered shards of one model over devices. `shards` is empty when `problem` says why no device serves it. */
export const placementSchema = z.object({
  model: modelIdSchema,
  source: z.string().min(1).max(2000),
  /** Grows with every change; older ones are dropped. */
  epoch,
  strategy: strategySchema,
  quality: qualitySchema,
  announcer: peerIdSchema,
  numLayers: layer,
  contextLength: z.number().int().min(1),
  /** Number format of activations between shards: f32 where every shard holds f32 weights, else f16. */
  handoff: z.enum(['f16', 'f32']),
  shards: z.array(shardSchema).max(1024),
  /** Devices that are not in the ring: a line for each range held, one with an empty range for a device that holds none. */
  spares: z.array(spareSchema).max(4096),
  explanation: z.array(sentence).max(1100),
  /** Milliseconds of a lap of one lone stream, from what was measured when the placement was made. Absent where too little was. */
  predictedLapMs: milliseconds.optional(),
  /** `soon`: the ring before is much slower; what runs there goes over as soon as this one is ready. Else it has time to end there. */
  cutOver: z.enum(['late', 'soon']).optional(),
  problem: z.object({ code: errorCodeSchema, message: sentence, missingBytes: bytes.optional() }).nullable(),
})
export type Placement = z.infer<typeof placementSchema>
