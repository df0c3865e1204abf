/** What each shard did with a frame on its way around the ring: frames carry it, so that every lap tells where its time went. */
import { z } from 'zod'

/** One shard's part of a lap, in milliseconds of its own clock: no two clocks are ever compared. */
export type HopTiming = {
  /** In line, behind passes of other sequences. */
  readonly queueMs: number
  /** In the layers. */
  readonly computeMs: number
  /** From the layers to the frame: reading back, and on the last shard head and sampler. */
  readonly readBackMs: number
  /** What the last frame of this shard took to be accepted by its link: that of the frame itself is not known when it leaves. */
  readonly sendMs: number
}

/** Bytes of a timing behind the numbers of an activation: four counts of microseconds. */
const HOP_BYTES = 16
/** As many as a placement has shards. */
const MAX_HOPS = 1024
const MOST_MICROSECONDS = 2 ** 32 - 1

const count = z.number().int().min(0).max(MOST_MICROSECONDS)
/** Timings as JSON: queue, compute, read-back, send, in microseconds. */
export const hopsBodySchema = z.array(z.tuple([count, count, count, count])).max(MAX_HOPS)
type HopsBody = z.infer<typeof hopsBodySchema>

const micros = (ms: number): number => Math.min(MOST_MICROSECONDS, Math.max(0, Math.round(ms * 1000)))

export const hopsToBody = (hops: readonly HopTiming[]): HopsBody =>
  hops.map((hop) => [micros(hop.queueMs), micros(hop.computeMs), micros(hop.readBackMs), micros(hop.sendMs)])

export const hopsFromBody = (body: HopsBody): readonly HopTiming[] =>
  body.map(([queue, compute, readBack, send]) => ({
    queueMs: queue / 1000,
    computeMs: compute / 1000,
    readBackMs: readBack / 1000,
    sendMs: send / 1000,
  }))

export function encodeHops(hops: readonly HopTiming[]): Uint8Array {
  const bytes = new Uint8Array(hops.length * HOP_BYTES)
  const view = new DataView(bytes.buffer)
  hopsToBody(hops)
    .flat()
    .forEach((value, i) => view.setUint32(i * 4, value, true))
  return bytes
}

/** The timings in `bytes`; null where their length is not that of timings, or of too many. */
export function decodeHops(bytes: Uint8Array): readonly HopTiming[] | null {
  if (bytes.length % HOP_BYTES !== 0 || bytes.length > MAX_HOPS * HOP_BYTES) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = (offset: number): number => view.getUint32(offset, true)
  return hopsFromBody(
    Array.from({ length: bytes.length / HOP_BYTES }, (_, i) => [
      at(i * HOP_BYTES),
      at(i * HOP_BYTES + 4),
      at(i * HOP_BYTES + 8),
      at(i * HOP_BYTES + 12),
    ]),
  )
}
