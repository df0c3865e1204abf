import { z } from 'zod'
import { crc32 } from './crc32.ts'
import { decodeDrafts, NO_DRAFTS } from './drafts.ts'
import { ClusterError } from './errors.ts'
import { allFinite } from './finite.ts'
import {
  checkBodySchema,
  ELEMENT_BYTES,
  EVIDENCE_BYTES,
  EVIDENCE_NUMBERS,
  failureBodySchema,
  FLAG_DRAFTS,
  FLAG_KEEPS,
  FLAG_MORE,
  FLAG_OUTPUT,
  FLAG_SAMPLE,
  gossipBodySchema,
  HEADER_BYTES,
  isWant,
  NUMBER_CODES,
  prefixBodySchema,
  resumeBodySchema,
  tokenBodySchema,
  TYPE_CODES,
  verdictBodySchema,
  WANT_CODES,
} from './frame-layout.ts'
import type { ActivationFrame, AskFrame, EmbeddingFrame, EvidenceFrame, FrameBase, RingFrame, TokenFrame } from './frames.ts'
import { decodeHops, hopsFromBody } from './hops.ts'
import { sequenceId } from './ids.ts'
import { jobSchema } from './job.ts'
import { PROTOCOL_VERSION } from './version.ts'

const EVIDENCE_TYPES = ['ids', 'f16', 'f32'] as const

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

function decodeActivation(base: FrameBase, view: DataView, payload: Uint8Array): ActivationFrame {
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

function decodeToken(base: FrameBase, view: DataView, payload: Uint8Array): TokenFrame {
  const { finish, hops, logprobs } = parseBody(tokenBodySchema, payload)
  const more = (view.getUint8(2) & FLAG_MORE) !== 0
  const [cached, index, tokenId] = [view.getUint32(16, true), view.getUint32(20, true), view.getUint32(24, true)]
  return { ...base, type: 'token', index, tokenId, finish, hops: hopsFromBody(hops), more, cached, logprobs }
}

function decodeEmbedding(base: FrameBase, view: DataView, payload: Uint8Array): EmbeddingFrame {
  const width = view.getUint32(36, true)
  if (width === 0 || view.getUint32(24, true) !== 1 || view.getUint8(3) !== NUMBER_CODES.f32 || payload.length !== width * 4)
    throw malformed(`a vector of ${width} f32 in ${payload.length} bytes`)
  if (!allFinite(payload, 'f32')) throw malformed('numbers that are not finite')
  const numbers = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  return { ...base, type: 'embedding', values: Float32Array.from({ length: width }, (_, i) => numbers.getFloat32(i * 4, true)) }
}

function decodeEvidence(base: FrameBase, view: DataView, payload: Uint8Array): EvidenceFrame {
  const numberCode = view.getUint8(3)
  const numberType = EVIDENCE_TYPES.find((type) => EVIDENCE_NUMBERS[type] === numberCode)
  const [position, count, width] = [view.getUint32(20, true), view.getUint32(24, true), view.getUint32(36, true)]
  if (
    !numberType ||
    count === 0 ||
    width === 0 ||
    (numberType === 'ids' && width !== 1) ||
    payload.length !== count * width * EVIDENCE_BYTES[numberType]
  )
    throw malformed(`evidence of ${count} × ${width} numbers of type ${numberCode} in ${payload.length} bytes`)
  if (numberType !== 'ids' && !allFinite(payload, numberType)) throw malformed('numbers that are not finite')
  const side = (view.getUint8(2) & FLAG_OUTPUT) === 0 ? 'input' : 'output'
  return { ...base, type: 'evidence', ticket: view.getUint32(16, true), side, position, count, width, numberType, payload }
}

function decodeAsk(base: FrameBase, view: DataView): AskFrame {
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
    case TYPE_CODES.check:
      return { ...base, type: 'check', ticket: view.getUint32(16, true), until: position, ...parseBody(checkBodySchema, payload) }
    case TYPE_CODES.evidence:
      return decodeEvidence(base, view, payload)
    case TYPE_CODES.verdict:
      return { ...base, type: 'verdict', ticket: view.getUint32(16, true), ...parseBody(verdictBodySchema, payload) }
    case TYPE_CODES.failure:
      return { ...base, type: 'failure', ...parseBody(failureBodySchema, payload) }
    default:
      throw malformed(`type ${view.getUint8(1)}`)
  }
}
