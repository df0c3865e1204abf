import type { PeerEntry } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'

type Peers = ReadonlyMap<PeerId, PeerEntry>
type Silence = { readonly accuser: PeerId; readonly accused: PeerId }

/** Of all pairs between which silence is reported, the peers of the most. */
function mostSilent(silences: readonly Silence[]): readonly PeerId[] {
  const partners = new Map<PeerId, Set<PeerId>>()
  const note = (peer: PeerId, partner: PeerId): void => void partners.set(peer, (partners.get(peer) ?? new Set()).add(partner))
  for (const { accuser, accused } of silences) {
    note(accuser, accused)
    note(accused, accuser)
  }
  const most = Math.max(...[...partners.values()].map((others) => others.size))
  return [...partners].filter(([, others]) => others.size === most).map(([peer]) => peer)
}

/**
 * Devices that do not answer others though they are on the roster. Whoever is at one end of the most silences is out: a device that
 * several miss, or one that misses several because it is cut off itself. Of two, it is the one that the other accuses; where they
 * accuse each other, the one that joined later. Pure: the same on every peer with the same roster.
 */
export function suspectedPeers(peers: Peers): ReadonlySet<PeerId> {
  const out = new Set<PeerId>()
  let silences: readonly Silence[] = [...peers.values()].flatMap(({ id, status }) =>
    status.suspects.filter((suspect) => suspect !== id && peers.has(suspect)).map((accused) => ({ accuser: id, accused })),
  )
  while (silences.length > 0) {
    const isAccused = (peer: PeerId): boolean => silences.some(({ accused }) => accused === peer)
    const joined = (peer: PeerId): number => peers.get(peer)?.joined ?? 0
    const [worst] = mostSilent(silences).toSorted((a, b) => Number(isAccused(b)) - Number(isAccused(a)) || joined(b) - joined(a))
    if (!worst) break
    out.add(worst)
    silences = silences.filter(({ accuser, accused }) => accuser !== worst && accused !== worst)
  }
  return out
}
