/**
 * The signaling plane: socket.io events between a peer and the signal server. Each inbound payload is `unknown` until the
 * schema beside it has accepted it. State of the server is the roster, the wishes and the newest placement of each model.
 */
import { z } from 'zod'
import {
  capabilitiesSchema,
  displayNameSchema,
  keySchema,
  modelIdSchema,
  peerEntrySchema,
  peerIdSchema,
  peerRoleSchema,
  peerStatusSchema,
  placementSchema,
  wishSchema,
  type Capabilities,
  type PeerStatus,
  type Placement,
  type Wish,
} from './cluster.ts'
import { isErrorCode, type ErrorCode, type WireError } from './errors.ts'
import type { ModelId, PeerId } from './ids.ts'

/** 64 bytes in base64. */
const signatureSchema = z.string().max(128)

/** First event of every connection. Anything else before it closes the socket. */
export const helloSchema = z.object({
  version: z.number().int(),
  id: peerIdSchema,
  /** Proves on reconnect that this is the same peer: 32 to 128 characters chosen by the peer, kept secret. */
  secret: z.string().min(32).max(128),
  /** Public key that the id is made of, where the peer has one, and its signature under `helloText`: see identity.ts. */
  key: keySchema.optional(),
  proof: signatureSchema.optional(),
  name: displayNameSchema,
  role: peerRoleSchema,
  capabilities: capabilitiesSchema.nullable(),
  /** Join token or API key, when the cluster asks for one. */
  token: z.string().max(512).optional(),
})
export type Hello = z.infer<typeof helloSchema>

const wireErrorSchema = z.object({
  code: z.custom<ErrorCode>(isErrorCode, 'not an error code'),
  message: z.string().max(2000),
})
export const welcomeSchema = z.object({
  ok: z.literal(true),
  /** Drawn when the server started: another one means that it has forgotten everybody, not that they left. */
  server: z.string().min(1).max(64),
  peers: z.array(peerEntrySchema),
  wishes: z.array(wishSchema),
  placements: z.array(placementSchema),
  iceServers: z.array(
    z.object({ urls: z.union([z.string(), z.array(z.string())]), username: z.string().optional(), credential: z.string().optional() }),
  ),
})
export type Welcome = z.infer<typeof welcomeSchema>
export const helloReplySchema = z.union([welcomeSchema, z.object({ ok: z.literal(false), error: wireErrorSchema })])
export type HelloReply = Welcome | { readonly ok: false; readonly error: WireError }

/** WebRTC negotiation between two peers; `payload` is simple-peer's signal as JSON text. */
export const negotiationSchema = z.object({
  /** The other peer: recipient when sent, sender when received. */
  peerId: peerIdSchema,
  /** Names one attempt, so that late messages of an older attempt are ignored. */
  attempt: z.string().min(1).max(64),
  kind: z.enum(['offer', 'answer', 'candidate']),
  payload: z.string().max(64 * 1024),
  /** Of the sender's key under `negotiationText`, where it has one. */
  signature: signatureSchema.optional(),
})
export type Negotiation = z.infer<typeof negotiationSchema>

/** A change that the server tells. */
export const clusterEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('peer-joined'), peer: peerEntrySchema }),
  z.object({ type: z.literal('peer-updated'), id: peerIdSchema, status: peerStatusSchema, capabilities: capabilitiesSchema.nullable() }),
  z.object({ type: z.literal('peer-left'), id: peerIdSchema }),
  z.object({ type: z.literal('wish-set'), wish: wishSchema }),
  z.object({ type: z.literal('wish-dropped'), model: modelIdSchema }),
  z.object({ type: z.literal('placement'), placement: placementSchema }),
  /** So many more peers are on the roster than this one is told of: in a crowd it sees those that matter to it. */
  z.object({ type: z.literal('crowd'), unseen: z.number().int().min(0).max(1e6) }),
])
export type ClusterEvent = z.infer<typeof clusterEventSchema>
/** What changed in a while, in its order. */
export const clusterEventsSchema = z.array(clusterEventSchema).min(1).max(1024)

/** What whoever runs the cluster asks of a device. A paused one takes no layers, and stops what it is downloading. */
export const orderSchema = z.object({ type: z.literal('pause'), paused: z.boolean() })
export type Order = z.infer<typeof orderSchema>

/** What a device changes of its own line in the roster. */
export const selfUpdateSchema = z.object({ status: peerStatusSchema, capabilities: capabilitiesSchema.nullable() })
export type SelfUpdate = { readonly status: PeerStatus; readonly capabilities: Capabilities | null }

/** Events a peer sends. */
export type PeerToServer = {
  hello: (hello: Hello, reply: (reply: HelloReply) => void) => void
  update: (update: SelfUpdate) => void
  negotiate: (negotiation: Negotiation) => void
  /** One slice for a peer without a direct path. `reply` says that the server has passed it on, or why not. */
  relay: (to: PeerId, slice: Uint8Array, reply: (error: WireError | null) => void) => void
  announce: (placement: Placement) => void
  wish: (wish: Wish) => void
  unwish: (model: ModelId) => void
  /** A clean goodbye: the peer is taken off the roster at once. */
  leave: () => void
}

/** Events the server sends. */
export type ServerToPeer = {
  cluster: (events: readonly ClusterEvent[]) => void
  negotiate: (negotiation: Negotiation) => void
  relay: (from: PeerId, slice: Uint8Array) => void
  order: (order: Order) => void
  /** A refusal of something the peer sent; the socket stays open unless the server closes it. */
  refused: (error: WireError) => void
}
