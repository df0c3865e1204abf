/**
 * The ring plane: binary frames between peers. A fixed header of 40 bytes (little-endian), then the payload: raw numbers for
 * activations, UTF-8 JSON for the rest. Byte tables are in PROTOCOL.md.
 */
import { z } from 'zod'
import { gossipEventSchema, modelIdSchema, peerIdSchema, type GossipEvent } from './cluster.ts'
import { crc32 } from './crc32.ts'
import { decodeDrafts, encodeDrafts, NO_DRAFTS, type Drafts } from './drafts.ts'
import { ClusterError, isErrorCode, type ErrorCode } from './errors.ts'
import { sequenceId, type PeerId, type SequenceId } from './ids.ts'
import { allFinite } from './finite.ts'
import { decodeHops, encodeHops, hopsBodySchema, hopsFromBody, hopsToBody, type HopTiming } from './hops.ts'
import { grammarSchema } from './grammar.ts'
import { MAX_FRAME_BYTES } from './limits.ts'
import { PROTOCOL_VERSION } from './version.ts'

export const HEADER_BYTES = 40

export const samplingSchema = z.object({
  /** 0 = greedy. */
  temperature: z.number().min(0).max(100),
  topP: z.number().min(0).max(1),
  /** 0 = off. */
  topK: z.number().int().min(0),
  minP: z.number().min(0).max(1),
  /** 1 = off. */
  repetitionPenalty: z.number().min(0.01).max(100),
  presencePenalty: z.number().min(-2).max(2),
  frequencyPenalty: z.number().min(-2).max(2),
  /** Added to the logit of a token id before anything else. */
  logitBias: z.array(z.tuple([z.number().int().min(0), z.number().min(-100).max(100)])).max(1024),
  /** Key of the counter generator, as a decimal integer of 64 bits. */
  seed: z.string().regex(/^-?\d{1,20}$/),
})
export type Sampling = z.infer<typeof samplingSchema>
/** The most probable token every time: what all other settings are changes to. */
export const GREEDY: Sampling = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: [],
  seed: '0',
}

const tokenIdSchema = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1)

/** A completion to run. The client sends it to the head, the head passes it to the tail, which samples by it. */
export const jobSchema = z.object({
  client: peerIdSchema,
  model: modelIdSchema,
  promptIds: z
    .array(tokenIdSchema)
    .min(1)
    .max(1 << 20),
  /**
   * Tokens of the answer that the client has already, from index 0: empty at the start. With them a sequence goes on where another
   * placement, or nobody any more, computed it; the next token has the index `acceptedIds.length`.
   */
  acceptedIds: z.array(tokenIdSchema).max(1 << 20),
  /** The sequence has run under an older epoch: shards that know it go on from there. */
  resumes: z.boolean(),
  sampling: samplingSchema,
  /** Null where the answer is free. */
  grammar: grammarSchema.nullable(),
  /** Null: tokens are sampled. Else the answer is one vector, made of the prompt's hidden states behind the final norm: the last, or their mean. */
  pooling: z.enum(['last', 'mean']).nullable(),
  /** First tokens of the answer, given instead of sampled: what the log probabilities of a prompt are asked with. */
  givenIds: z.array(tokenIdSchema).max(1 << 20),
  /** Likeliest tokens told with each token and its log probability; null = none of it. */
  topLogprobs: z.number().int().min(0).max(20).nullable(),
  /** A sampled id of this list ends the answer with `stop`. */
  stopIds: z.array(tokenIdSchema).max(64),
  /** Tokens the answer has at most, accepted ones among them; at least 1. */
  maxTokens: z
    .number()
    .int()
    .min(1)
    .max(1 << 20),
  /**
   * Answers of one client and scope may begin from what each other's KV caches hold of the same prompt; null: this one uses none and
   * leaves none. Middle shards never see it.
   */
  cacheScope: z.string().max(128).nullable(),
  /** The head may guess tokens ahead. What is sampled is the same. */
  drafts: z.boolean(),
})
export type Job = z.infer<typeof jobSchema>
export type Pooling = NonNullable<Job['pooling']>

export const finishReasonSchema = z.enum(['stop', 'length'])
export type FinishReason = z.infer<typeof finishReasonSchema>

/** Natural logarithms of probabilities as the model gives them: before temperature, penalties, bias and grammar. */
export const tokenLogprobsSchema = z.object({
  logprob: z.number().max(0),
  /** The likeliest tokens, most likely first. */
  top: z.array(z.tuple([tokenIdSchema, z.number().max(0)])).max(20),
})
export type TokenLogprobs = z.infer<typeof tokenLogprobsSchema>

/** Common to every frame. `position` and `count` are tokens of the sequence; zero where they mean nothing. */
type Base = { readonly sequence: SequenceId; readonly epoch: number }
export type JobFrame = Base & { readonly type: 'job'; readonly job: Job }
export type ActivationFrame = Base & {
  readonly type: 'activation'
  /** Position of the first token of `payload` in the sequence. */
  readonly position: number
  /** Tokens in `payload`. */
  readonly count: number
  /**
   * Tokens of the sequence when the whole pass is done: a prompt is one pass however many chunks it runs in, a decoded token one by
   * itself. Some models rotate by other frequencies when a pass reaches far.
   */
  readonly reach: number
  /** Elements a token: the model's hidden size. */
  readonly width: number
  readonly numberType: 'f16' | 'f32'
  /** The tail samples after the last token of this frame; unset on every prefill chunk but the last. */
  readonly sample: boolean
  /** Of guesses: `branch`, `since` and the guesses themselves. */
  readonly guess: Drafts
  /** Row-major [count, width], little-endian, residual already added. */
  readonly payload: Uint8Array
  /** Of the shards that this lap has passed, the sender last. None before it where it sends a pass again. */
  readonly hops: readonly HopTiming[]
}
export type TokenFrame = Base & {
  readonly type: 'token'
  /** 0 for the first sampled token. */
  readonly index: number
  readonly tokenId: number
  /** Null while the answer goes on. */
  readonly finish: FinishReason | null
  /** Of the lap that ends in this token, the tail's last; fewer than the ring has shards where a part was sent again. */
  readonly hops: readonly HopTiming[]
  /** More tokens of the same lap follow: the next one does not begin yet. */
  readonly more: boolean
  /** Tokens of the prompt that were not computed: the KV cache of an earlier sequence held them. */
  readonly cached: number
  /** Null unless the job asks for them. */
  readonly logprobs: TokenLogprobs | null
}
/** What a job with a `pooling` is answered with, from the tail to the client: nothing follows. */
export type EmbeddingFrame = Base & { readonly type: 'embedding'; readonly values: Float32Array }
/** Prefill so far, from the head to the client. */
export type ProgressFrame = Base & { readonly type: 'progress'; readonly processed: number; readonly total: number }
/** From the head to a client whose job waits until there is room for its KV caches. */
export type WaitingFrame = Base & {
  readonly type: 'waiting'
  /** In the line: 1 is next. */
  readonly position: number
  /** Milliseconds until it begins, as expected; null when nothing is known. */
  readonly etaMs: number | null
}
/**
 * The sequence is over: drop its queued frames. Sent to every shard, by the client to cancel, by the tail at the end. With `keeps` its KV
 * cache may stay for a later sequence that begins alike; without it goes, and so does what was kept of it.
 */
export type ReleaseFrame = Base & { readonly type: 'release'; readonly keeps: boolean }
/**
 * A new sequence begins with the first `position` tokens of `source`, which is over: its KV cache and outputs become those of the new one.
 * From shard to shard, ahead of the first activation.
 */
export type PrefixFrame = Base & { readonly type: 'prefix'; readonly source: SequenceId; readonly position: number }
/** A shard cannot go on with the sequence; to the client. */
export type FailureFrame = Base & {
  readonly type: 'failure'
  readonly code: ErrorCode
  readonly message: string
  /** After which another try makes sense, where that is known. */
  readonly retryAfterSeconds?: number
}
/** From the head to every other shard after a job that goes on: nothing from `position` on is valid; ask for what is missing before it. */
export type ResumeFrame = Base & { readonly type: 'resume'; readonly client: PeerId; readonly position: number }
/**
 * "I have what lies before `from`; send the rest again." To the shard before for activations, to the tail for tokens, to the head
 * for the job. Whoever is asked for what it lacks itself asks in turn.
 */
export type AskFrame = Base & {
  readonly type: 'ask'
  readonly want: AskWant
  readonly from: number
  /** As far as the asker knows, drafts were given up so often: of later branches it may have wrong what lies before `from`. */
  readonly branch: number
}
export type AskWant = 'activations' | 'tokens' | 'job'
/** What signaling would tell, from peer to peer while there is no signal server. Passed on once to every linked peer. */
export type GossipFrame = Base & { readonly type: 'gossip'; readonly origin: PeerId; readonly number: number; readonly event: GossipEvent }
export type RingFrame =
  | JobFrame
  | ActivationFrame
  | TokenFrame
  | EmbeddingFrame
  | ProgressFrame
  | WaitingFrame
  | ReleaseFrame
  | FailureFrame
  | ResumeFrame
  | AskFrame
  | GossipFrame
  | PrefixFrame

const TYPE_CODES = {
  job: 1,
  activation: 2,
  token: 3,
  progress: 4,
  release: 5,
  failure: 6,
  resume: 7,
  ask: 8,
  gossip: 9,
  prefix: 10,
  waiting: 11,
  embedding: 12,
} as const satisfies Record<RingFrame['type'], number>
const NUMBER_CODES = { f16: 1, f32: 2 } as const
const ELEMENT_BYTES = { f16: 2, f32: 4 } as const
const FLAG_SAMPLE = 1
const FLAG_DRAFTS = 2
const FLAG_MORE = 1
/** 0 stands for an unknown time. */
const MOST_ETA_MS = 2 ** 32 - 1
const FLAG_KEEPS = 1
const WANT_CODES = { activations: 1, tokens: 2, job: 3 } as const satisfies Record<AskWant, number>
const isWant = (name: string): name is AskWant => Object.hasOwn(WANT_CODES, name)
const gossipBodySchema = z.object({ origin: peerIdSchema, event: gossipEventSchema })
const prefixBodySchema = z.object({
  source: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .transform(sequenceId),
})
const resumeBodySchema = z.object({ client: peerIdSchema })
const tokenBodySchema = z.object({ finish: finishReasonSchema.nullable(), hops: hopsBodySchema, logprobs: tokenLogprobsSchema.nullable() })
const failureBodySchema = z.object({
  code: z.custom<ErrorCode>(isErrorCode, 'not an error code'),
  message: z.string().max(2000),
  retryAfterSeconds: z.number().min(0).max(3600).exactOptional(),
})
const EMPTY = new Uint8Array(0)
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

/** Little-endian, whatever the machine is. */
function floatBytes(values: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4))
  values.forEach((value, i) => view.setFloat32(i * 4, value, true))
  return new Uint8Array(view.buffer)
}

function behind(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}

type HeaderFields = { flags: number; numberCode: number; reach: number; position: number; count: number; width: number; payload: Uint8Array }

function fieldsOf(frame: RingFrame): HeaderFields {
  const plain = { flags: 0, numberCode: 0, reach: 0, position: 0, count: 0, width: 0, payload: EMPTY }
  switch (frame.type) {
    case 'job':
      return { ...plain, payload: json(frame.job) }
    case 'activation': {
      const drafts = encodeDrafts(frame.guess)
      return {
        flags: (frame.sample ? FLAG_SAMPLE : 0) | (drafts.length > 0 ? FLAG_DRAFTS : 0),
        numberCode: NUMBER_CODES[frame.numberType],
        reach: frame.reach,
        position: frame.position,
        count: frame.count,
        width: frame.width,
        payload: drafts.length + frame.hops.length === 0 ? frame.payload : behind(frame.payload, drafts, encodeHops(frame.hops)),
      }
    }
    case 'token':
      return {
        ...plain,
        flags: frame.more ? FLAG_MORE : 0,
        reach: frame.cached,
        position: frame.index,
        count: frame.tokenId,
        payload: json({ finish: frame.finish, hops: hopsToBody(frame.hops), logprobs: frame.logprobs }),
      }
    case 'embedding':
      return { ...plain, numberCode: NUMBER_CODES.f32, count: 1, width: frame.values.length, payload: floatBytes(frame.values) }
    case 'progress':
      return { ...plain, position: frame.processed, count: frame.total }
    case 'waiting':
      return { ...plain, position: frame.position, count: frame.etaMs === null ? 0 : Math.min(MOST_ETA_MS, Math.max(1, Math.round(frame.etaMs))) }
    case 'release':
      return { ...plain, flags: frame.keeps ? FLAG_KEEPS : 0 }
    case 'prefix':
      return { ...plain, position: frame.position, payload: json({ source: frame.source }) }
    case 'resume':
      return { ...plain, position: frame.position, payload: json({ client: frame.client }) }
    case 'gossip':
      return { ...plain, position: frame.number, payload: json({ origin: frame.origin, event: frame.event }) }
    case 'ask':
      return { ...plain, flags: WANT_CODES[frame.want], position: frame.from, count: frame.branch }
    case 'failure': {
      const { code, message, retryAfterSeconds } = frame
      return { ...plain, payload: json({ code, message: message.slice(0, 2000), retryAfterSeconds }) }
    }
  }
}

/** Whether these bytes claim to be gossip: whoever passes frames on looks no deeper. */
export const isGossip = (bytes: Uint8Array): boolean => bytes[1] === TYPE_CODES.gossip

/** The bytes of a frame. @throws {ClusterError} frame_too_large */
export function encodeFrame(frame: RingFrame): Uint8Array {
  const fields = fieldsOf(frame)
  const bytes = new Uint8Array(HEADER_BYTES + fields.payload.length)
  if (bytes.length > MAX_FRAME_BYTES)
    throw new ClusterError('frame_too_large', `a ${frame.type} frame of ${bytes.length} bytes; at most ${MAX_FRAME_BYTES}`)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, PROTOCOL_VERSION)
  view.setUint8(1, TYPE_CODES[frame.type])
  view.setUint8(2, fields.flags)
  view.setUint8(3, fields.numberCode)
  view.setBigUint64(4, BigInt(`0x${frame.sequence}`), true)
  view.setUint32(12, frame.epoch, true)
  view.setUint32(16, fields.reach, true)
  view.setUint32(20, fields.position, true)
  view.setUint32(24, fields.count, true)
  view.setUint32(28, fields.payload.length, true)
  view.setUint32(36, fields.width, true)
  bytes.set(fields.payload, HEADER_BYTES)
  view.setUint32(32, crc32(bytes), true)
  return bytes
}

const malformed = (what: string): ClusterError => new ClusterError('malformed_frame', `refused a frame: ${what}`)

function parseBody<T>(schema: z.ZodType<T>, payload: Uint8Array): T {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (cause) {
    throw new ClusterError('malformed_frame', 'refused a frame: its payload is not JSON', { cause })
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw malformed(z.prettifyError(parsed.error).slice(0, 300))
  return parsed.data
}

function checkHeader(bytes: Uint8Array): DataView {
  if (bytes.length < HEADER_BYTES) throw malformed(`${bytes.length} bytes, a header has ${HEADER_BYTES}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint8(0) !== PROTOCOL_VERSION) throw malformed(`version ${view.getUint8(0)}, this is ${PROTOCOL_VERSION}`)
  if (view.getUint32(28, true) !== bytes.length - HEADER_BYTES) throw malformed('its length and its header disagree')
  const header = bytes.slice(0, HEADER_BYTES)
  header.fill(0, 32, 36)
  if (crc32(header, bytes.subarray(HEADER_BYTES)) !== view.getUint32(32, true)) throw malformed('checksum')
  return view
}

function decodeActivation(base: Base, view: DataView, payload: Uint8Array): ActivationFrame {
  const numberCode = view.getUint8(3)
  const numberType = numberCode === NUMBER_CODES.f16 ? 'f16' : numberCode === NUMBER_CODES.f32 ? 'f32' : null
  if (numberType === null) throw malformed(`number type ${numberCode}`)
  const count = view.getUint32(24, true)
  const width = view.getUint32(36, true)
  const numberBytes = count * width * ELEMENT_BYTES[numberType]
  const numbers = payload.subarray(0, numberBytes)
  const position = view.getUint32(20, true)
  const rest = payload.subarray(numberBytes)
  const guess = (view.getUint8(2) & FLAG_DRAFTS) === 0 ? { drafts: NO_DRAFTS, bytes: 0 } : decodeDrafts(rest, count)
  const hops = guess && decodeHops(rest.subarray(guess.bytes))
  if (numberBytes === 0 || numberBytes > payload.length || guess === null || hops === null)
    throw malformed(`${count} × ${width} ${numberType} in ${payload.length} bytes`)
  const reach = view.getUint32(16, true)
  if (reach < position + count) throw malformed(`${count} tokens at ${position} in a pass that reaches ${reach}`)
  if (!allFinite(numbers, numberType)) throw malformed('numbers that are not finite')
  return {
    ...base,
    type: 'activation',
    position,
    count,
    reach,
    width,
    numberType,
    sample: (view.getUint8(2) & FLAG_SAMPLE) !== 0,
    guess: guess.drafts,
    payload: numbers,
    hops,
  }
}

function decodeToken(base: Base, view: DataView, payload: Uint8Array): TokenFrame {
  const { finish, hops, logprobs } = parseBody(tokenBodySchema, payload)
  const more = (view.getUint8(2) & FLAG_MORE) !== 0
  const [cached, index, tokenId] = [view.getUint32(16, true), view.getUint32(20, true), view.getUint32(24, true)]
  return { ...base, type: 'token', index, tokenId, finish, hops: hopsFromBody(hops), more, cached, logprobs }
}

function decodeEmbedding(base: Base, view: DataView, payload: Uint8Array): EmbeddingFrame {
  const width = view.getUint32(36, true)
  if (width === 0 || view.getUint32(24, true) !== 1 || view.getUint8(3) !== NUMBER_CODES.f32 || payload.length !== width * 4)
    throw malformed(`a vector of ${width} f32 in ${payload.length} bytes`)
  if (!allFinite(payload, 'f32')) throw malformed('numbers that are not finite')
  const numbers = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  return { ...base, type: 'embedding', values: Float32Array.from({ length: width }, (_, i) => numbers.getFloat32(i * 4, true)) }
}

function decodeAsk(base: Base, view: DataView): AskFrame {
  const want = Object.keys(WANT_CODES).find((name) => isWant(name) && WANT_CODES[name] === view.getUint8(2))
  if (want === undefined || !isWant(want)) throw malformed(`it asks for ${view.getUint8(2)}`)
  return { ...base, type: 'ask', want, from: view.getUint32(20, true), branch: view.getUint32(24, true) }
}

/** The frames of a message: one or several behind each other. @throws {ClusterError} malformed_frame when any of them is */
export function decodeFrames(message: Uint8Array): readonly RingFrame[] {
  const frames: RingFrame[] = []
  let start = 0
  do {
    const rest = message.subarray(start)
    const payloadBytes = rest.length < HEADER_BYTES ? 0 : new DataView(rest.buffer, rest.byteOffset).getUint32(28, true)
    const bytes = rest.subarray(0, HEADER_BYTES + payloadBytes)
    frames.push(decodeFrame(bytes))
    start += bytes.length
  } while (start < message.length)
  return frames
}

/** The frame in `bytes`. Every field is checked; payloads of activations are views into `bytes`. @throws {ClusterError} malformed_frame */
export function decodeFrame(bytes: Uint8Array): RingFrame {
  const view = checkHeader(bytes)
  const payload = bytes.subarray(HEADER_BYTES)
  const id = view.getBigUint64(4, true).toString(16).padStart(16, '0')
  const base = { sequence: sequenceId(id), epoch: view.getUint32(12, true) }
  const position = view.getUint32(20, true)
  const count = view.getUint32(24, true)
  switch (view.getUint8(1)) {
    case TYPE_CODES.job:
      return { ...base, type: 'job', job: parseBody(jobSchema, payload) }
    case TYPE_CODES.activation:
      return decodeActivation(base, view, payload)
    case TYPE_CODES.token:
      return decodeToken(base, view, payload)
    case TYPE_CODES.embedding:
      return decodeEmbedding(base, view, payload)
    case TYPE_CODES.progress:
      return { ...base, type: 'progress', processed: position, total: count }
    case TYPE_CODES.waiting:
      return { ...base, type: 'waiting', position, etaMs: count === 0 ? null : count }
    case TYPE_CODES.release:
      return { ...base, type: 'release', keeps: (view.getUint8(2) & FLAG_KEEPS) !== 0 }
    case TYPE_CODES.prefix:
      return { ...base, type: 'prefix', ...parseBody(prefixBodySchema, payload), position }
    case TYPE_CODES.resume:
      return { ...base, type: 'resume', position, client: parseBody(resumeBodySchema, payload).client }
    case TYPE_CODES.gossip:
      return { ...base, type: 'gossip', number: position, ...parseBody(gossipBodySchema, payload) }
    case TYPE_CODES.ask:
      return decodeAsk(base, view)
    case TYPE_CODES.failure:
      return { ...base, type: 'failure', ...parseBody(failureBodySchema, payload) }
    default:
      throw malformed(`type ${view.getUint8(1)}`)
  }
}
