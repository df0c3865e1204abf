/** What peers know of each other: capabilities, shards, placements, wishes. Shared by signaling, the ring and `GET /v1/cluster`. */
import { z } from 'zod'
import {
  bytes,
  count,
  epoch,
  errorCodeSchema,
  layer,
  milliseconds,
  modelIdSchema,
  peerIdSchema,
  relativeError,
  sentence,
  unchanging,
  weightFormatSchema,
} from './fields.ts'
import { MAX_NAME_CHARS } from './limits.ts'
import { placementSchema } from './placement.ts'

export {
  peerIdSchema,
  modelIdSchema,
  weightFormatSchema,
  type WeightFormat,
  qualitySchema,
  type Quality,
  strategySchema,
  type Strategy,
} from './fields.ts'
export { type WishState, wishSchema, type Wish, type Spare, type Shard, placementSchema, type Placement } from './placement.ts'

/** A name shown to people: control characters, line breaks and direction marks are refused (faults.md 28). */
export const displayNameSchema = z
  .string()
  .min(1)
  .max(MAX_NAME_CHARS)
  // eslint-disable-next-line no-control-regex -- refusing them is the purpose
  .regex(/^[^\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069<>]+$/u, 'a name has no control or direction characters')

/** A public key in base64: SPKI of P-256 has 91 bytes. */
export const keySchema = z.string().min(80).max(200)
export const peerRoleSchema = z.enum(['device', 'client', 'gateway', 'local-device'])
export type PeerRole = z.infer<typeof peerRoleSchema>
export const backendSchema = z.enum(['webgpu', 'simd', 'wasm'])
export type Backend = z.infer<typeof backendSchema>
/** What a device computes in where format and model permit. */
export const floatTypeSchema = z.enum(['f32', 'f16'])
export type FloatType = z.infer<typeof floatTypeSchema>
/** One layer of a model in one format, measured on the device with random weights of the layer's shape: nothing is downloaded for it. */
const layerSpeedSchema = z.object({
  model: modelIdSchema,
  weightFormat: weightFormatSchema,
  /** Milliseconds one layer takes for one token. */
  layerMs: milliseconds,
})

export type LayerSpeed = z.infer<typeof layerSpeedSchema>

/** What a device offers. Absent for clients and gateways. */
export const capabilitiesSchema = z.object({
  backend: backendSchema,
  /** Formats it can hold weights in; a single one when its owner insists on it. */
  weightFormats: z.array(weightFormatSchema).min(1).max(weightFormatSchema.options.length).transform(unchanging),
  floatType: floatTypeSchema,
  /** Memory pledged, in bytes. */
  memoryBytes: bytes,
  threads: z.number().int().min(1).max(256),
  /** What was found, in words: adapter and limits, or why there is no GPU. */
  hardware: z.string().max(400),
  /** Why this backend, in words. Absent where nobody compared. */
  backendReason: z.string().max(400).optional(),
  /** Models whose layers were measured on it. Those of models wished for later follow. */
  layerSpeeds: z.array(layerSpeedSchema).max(32).transform(unchanging).optional(),
})
export type Capabilities = z.infer<typeof capabilitiesSchema>

/** Matrices stored alike and held alike. Errors are relative: root mean square of the difference over that of the weights. */
const quantizationClassSchema = z.object({
  /** As the checkpoint has them: `bf16`, `q4_0`. */
  stored: z.string().max(32),
  /** As the device holds them: `f32`, `int4 block 32`. */
  held: z.string().min(1).max(32),
  /** Matrices held exactly, and those that were rounded on the way. */
  lossless: count,
  requantized: count,
  worstError: relativeError,
  /** Over all weights of the class together, exact ones included. */
  meanError: relativeError,
})
export type QuantizationClass = z.infer<typeof quantizationClassSchema>

/** What holding the matrices of a shard did to them, measured while they were loaded. */
const quantizationSchema = z.object({
  losslessTensors: count,
  requantizedTensors: count,
  worstError: relativeError,
  meanError: relativeError,
  classes: z.array(quantizationClassSchema).max(128),
  /** Those with the largest errors, the worst first; absent where all are exact. */
  worstTensors: z
    .array(z.object({ tensor: z.string().max(200), stored: z.string().max(32), held: z.string().max(32), error: relativeError }))
    .max(8)
    .optional(),
})
export type Quantization = z.infer<typeof quantizationSchema>

/** One shard as its owner reports it. */
export const shardReportSchema = z.object({
  model: modelIdSchema,
  epoch,
  startLayer: layer,
  endLayer: layer,
  /** `idle`: it does not answer and nothing is under way, as was wished. */
  state: z.enum(['loading', 'ready', 'failed', 'idle']),
  /** What the device is doing to the shard, for people. `stored`: its bytes are on the device, nothing is opened. */
  phase: z.enum(['waiting', 'downloading', 'compiling', 'warming-up', 'ready', 'failed', 'stored', 'paused']),
  loadedBytes: bytes,
  totalBytes: bytes,
  weightFormat: weightFormatSchema,
  /** Bytes of weights as truly held, once ready. */
  heldBytes: bytes,
  /** Once ready. */
  quantization: quantizationSchema.optional(),
  /** Sequences whose KV caches the device has memory for beside each other; once ready. */
  room: count.optional(),
  error: z.object({ code: errorCodeSchema, message: sentence }).optional(),
})
export type ShardReport = z.infer<typeof shardReportSchema>

export const linkPathSchema = z.enum(['webrtc', 'relay', 'local'])
export type LinkPath = z.infer<typeof linkPathSchema>
/** What a browser says of the pair of addresses that a direct path runs between (W3C webrtc-stats); null where it does not say. */
const pairReportSchema = z.object({
  /** How the end farther away from its network's own address is reached: by that, by its router's address, as the other end sees it, by TURN. */
  route: z.enum(['host', 'srflx', 'prflx', 'relay']),
  protocol: z.enum(['udp', 'tcp']).nullable(),
  /** Of the browser's own checks: below threads of pages, which the round trip of beats includes. */
  rttMs: milliseconds.nullable(),
  bytesSent: bytes,
  bytesReceived: bytes,
  /** Bytes per second that the browser believes it could send. */
  availableBytesPerSecond: z.number().min(0).nullable(),
  /** Packets sent again. */
  retransmissions: z.number().int().min(0).nullable(),
})
export type PairReport = z.infer<typeof pairReportSchema>

export const linkReportSchema = z.object({
  peerId: peerIdSchema,
  path: linkPathSchema,
  rttMs: milliseconds.nullable(),
  /** Bytes per second lately moved, both directions. */
  bytesPerSecond: z.number().min(0).nullable(),
  /** Bytes per second with which large messages of that peer lately arrived; absent before there were any. */
  arrivalBytesPerSecond: z.number().min(0).optional(),
  /** Of a direct path, once the browser has said something. */
  pair: pairReportSchema.optional(),
})
export type LinkReport = z.infer<typeof linkReportSchema>

/** One shard of a ring at work, smoothed over the laps of one token. `p50Ms` and `p95Ms` are of computing and reading back together. */
const stageTimingSchema = z.object({
  queueMs: milliseconds,
  computeMs: milliseconds,
  readBackMs: milliseconds,
  sendMs: milliseconds,
  p50Ms: milliseconds,
  p95Ms: milliseconds,
})
export type StageTiming = z.infer<typeof stageTimingSchema>

/** What the head of a ring measures of its laps: from one sampled token of a sequence to the next. */
export const lapReportSchema = z.object({
  epoch,
  /** Laps measured. */
  laps: z.number().int().min(0),
  lapMs: milliseconds,
  p95Ms: milliseconds,
  /** In the order of the placement's shards. What they leave of a lap is the way between them. */
  stages: z.array(stageTimingSchema).max(1024),
})
export type LapReport = z.infer<typeof lapReportSchema>

/** What a witness with the same layers made of what a device computed, as the shard behind it heard. */
const checkReportSchema = z.object({
  peerId: peerIdSchema,
  witness: peerIdSchema,
  checked: count,
  wrong: count,
  worstError: relativeError,
})
export type CheckReport = z.infer<typeof checkReportSchema>

/** What a peer says of itself whenever it changes. */
export const peerStatusSchema = z.object({
  /** `idle`: holds nothing. `paused`: asked not to be placed. */
  state: z.enum(['idle', 'loading', 'serving', 'paused']),
  shards: z.array(shardReportSchema).max(64),
  links: z.array(linkReportSchema).max(256),
  /** Milliseconds one layer takes for one token, measured; null before any run. */
  layerMs: milliseconds.nullable(),
  /** Whether its page is in sight: browsers slow down what is hidden. Null for what is no page. */
  visibility: z.enum(['visible', 'hidden']).nullable(),
  /** Of the rings that it is the head of. */
  laps: z.array(lapReportSchema).max(16),
  /** Sequences whose KV cache the device holds now. */
  sequences: z.number().int().min(0).max(1e6),
  /** Frames handled since joining. */
  framesHandled: z.number().int().min(0),
  /** Devices that do not answer this peer though they are on the roster: frozen, or cut off. */
  suspects: z.array(peerIdSchema).max(256),
  /** Of the devices before it in rings, spot checks; absent before the first. */
  checks: z.array(checkReportSchema).max(64).optional(),
})
export type PeerStatus = z.infer<typeof peerStatusSchema>
export const IDLE_STATUS: PeerStatus = {
  state: 'idle',
  shards: [],
  links: [],
  layerMs: null,
  visibility: null,
  laps: [],
  sequences: 0,
  framesHandled: 0,
  suspects: [],
}

/** A line of the roster. `joined` orders peers by arrival: the longest-joined device announces placements. */
export const peerEntrySchema = z.object({
  id: peerIdSchema,
  /** Public key that the id is made of, where the peer has one. */
  key: keySchema.optional(),
  name: displayNameSchema,
  role: peerRoleSchema,
  joined: z.number().int().min(0),
  capabilities: capabilitiesSchema.nullable(),
  status: peerStatusSchema,
})
export type PeerEntry = z.infer<typeof peerEntrySchema>

/** What peers tell each other themselves while there is no signal server. */
export const gossipEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('peer-updated'), id: peerIdSchema, status: peerStatusSchema, capabilities: capabilitiesSchema.nullable() }),
  z.object({ type: z.literal('placement'), placement: placementSchema }),
])
export type GossipEvent = z.infer<typeof gossipEventSchema>
