/** What getStats says of a connection, cut down to the pair of candidates that is in use. Source: W3C Identifiers for WebRTC's Statistics API. */
import { z } from 'zod'
import type { PairReport } from '../../protocol/cluster.ts'

const candidateTypeSchema = z.enum(['host', 'srflx', 'prflx', 'relay'])
const amount = z.number().min(0)
const pairSchema = z.object({
  id: z.string(),
  type: z.literal('candidate-pair'),
  state: z.string(),
  nominated: z.boolean().optional(),
  /** Firefox names the pair in use so, others by the transport. */
  selected: z.boolean().optional(),
  localCandidateId: z.string(),
  remoteCandidateId: z.string(),
  bytesSent: amount.default(0),
  bytesReceived: amount.default(0),
  /** Seconds. */
  currentRoundTripTime: amount.optional(),
  /** Bits per second. */
  availableOutgoingBitrate: amount.optional(),
  retransmissionsSent: amount.optional(),
})
const transportSchema = z.object({
  type: z.literal('transport'),
  selectedCandidatePairId: z.string(),
  bytesSent: amount.optional(),
  bytesReceived: amount.optional(),
})
const candidateSchema = z.object({
  id: z.string(),
  type: z.enum(['local-candidate', 'remote-candidate']),
  candidateType: candidateTypeSchema,
  protocol: z.enum(['udp', 'tcp']).optional(),
})
type Pair = z.infer<typeof pairSchema>

/** From the nearest to the farthest. */
const ROUTES = candidateTypeSchema.options

/** Those of `entries` that the schema describes. */
const every = <T>(schema: z.ZodType<T>, entries: readonly unknown[]): readonly T[] =>
  entries.flatMap((entry) => {
    const parsed = schema.safeParse(entry)
    return parsed.success ? [parsed.data] : []
  })

type Transport = z.infer<typeof transportSchema>

function pairInUse(pairs: readonly Pair[], transport: Transport | undefined): Pair | null {
  const isInUse = ({ id, selected, nominated, state }: Pair): boolean =>
    transport ? id === transport.selectedCandidatePairId : (selected ?? (nominated === true && state === 'succeeded'))
  return pairs.find(isInUse) ?? null
}

/** @param entries the values of an RTCStatsReport @returns null while no pair is in use */
export function pairReportOf(entries: readonly unknown[]): PairReport | null {
  const pairs = every(pairSchema, entries)
  const [transport] = every(transportSchema, entries)
  const pair = pairInUse(pairs, transport)
  if (!pair) return null
  const candidates = new Map(every(candidateSchema, entries).map((candidate) => [candidate.id, candidate]))
  const [local, remote] = [candidates.get(pair.localCandidateId), candidates.get(pair.remoteCandidateId)]
  if (!local || !remote) return null
  // A browser changes to a better pair while data flows: each pair counts its own bytes, their transport those of all.
  const total = (count: 'bytesSent' | 'bytesReceived'): number => transport?.[count] ?? pairs.reduce((sum, one) => sum + one[count], 0)
  const { currentRoundTripTime, availableOutgoingBitrate, retransmissionsSent } = pair
  return {
    route: ROUTES[Math.max(ROUTES.indexOf(local.candidateType), ROUTES.indexOf(remote.candidateType))] ?? 'host',
    protocol: local.protocol ?? null,
    rttMs: currentRoundTripTime === undefined ? null : currentRoundTripTime * 1000,
    bytesSent: Math.round(total('bytesSent')),
    bytesReceived: Math.round(total('bytesReceived')),
    availableBytesPerSecond: availableOutgoingBitrate === undefined ? null : availableOutgoingBitrate / 8,
    retransmissions: retransmissionsSent === undefined ? null : Math.round(retransmissionsSent),
  }
}
