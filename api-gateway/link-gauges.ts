/** What a scrape reads of the links between peers: their own beats and messages, and what browsers say of the pair of addresses beneath. */
import type { Registry } from 'prom-client'
import type { ClusterView } from '../core/cluster/cluster-view.ts'
import type { LinkReport, PairReport } from '../protocol/cluster.ts'
import { viewGauge } from './view-gauge.ts'

type LinkGauge = { readonly name: string; readonly help: string; readonly of: (link: LinkReport) => number | null | undefined }
type PairGauge = { readonly name: string; readonly help: string; readonly of: (pair: PairReport) => number | null }

const secondsOf = (ms: number | null): number | null => (ms === null ? null : ms / 1000)

const LINK_GAUGES: readonly LinkGauge[] = [
  { name: 'ringlet_link_rtt_seconds', help: 'Round trip between two peers, as one of them measures it', of: ({ rttMs }) => secondsOf(rttMs) },
  {
    name: 'ringlet_link_bytes_per_second',
    help: 'Bytes lately moved between two peers, both ways',
    of: ({ bytesPerSecond }) => bytesPerSecond,
  },
  {
    name: 'ringlet_link_arrival_bytes_per_second',
    help: 'Bytes per second with which large messages of `to` lately arrived at `from`',
    of: ({ arrivalBytesPerSecond }) => arrivalBytesPerSecond,
  },
]

const PAIR_GAUGES: readonly PairGauge[] = [
  { name: 'ringlet_pair_rtt_seconds', help: 'Round trip of the browser’s own checks of a direct path', of: ({ rttMs }) => secondsOf(rttMs) },
  { name: 'ringlet_pair_sent_bytes', help: 'Bytes sent on a direct path since it opened', of: ({ bytesSent }) => bytesSent },
  { name: 'ringlet_pair_received_bytes', help: 'Bytes received on a direct path since it opened', of: ({ bytesReceived }) => bytesReceived },
  {
    name: 'ringlet_pair_available_bytes_per_second',
    help: 'What the browser believes it could send on a direct path',
    of: ({ availableBytesPerSecond }) => availableBytesPerSecond,
  },
  { name: 'ringlet_pair_retransmissions', help: 'Packets sent again on a direct path since it opened', of: ({ retransmissions }) => retransmissions },
]

const linksOf = ({ peers }: ClusterView) => [...peers.values()].flatMap(({ id, status }) => status.links.map((link) => ({ from: id, link })))

export function registerLinkGauges(registry: Registry, view: () => ClusterView): void {
  for (const { name, help, of } of LINK_GAUGES)
    viewGauge(registry, view, { name, help, labelNames: ['from', 'to', 'path'] }, (now) =>
      linksOf(now).flatMap(({ from, link }) => {
        const value = of(link) ?? null
        return value === null ? [] : [{ labels: { from, to: link.peerId, path: link.path }, value }]
      }),
    )
  for (const { name, help, of } of PAIR_GAUGES)
    viewGauge(registry, view, { name, help, labelNames: ['from', 'to', 'route'] }, (now) =>
      linksOf(now).flatMap(({ from, link }) => {
        const value = link.pair ? of(link.pair) : null
        return link.pair && value !== null ? [{ labels: { from, to: link.peerId, route: link.pair.route }, value }] : []
      }),
    )
}
