/**
 * The roster as a state that changes in one order. Several servers that apply the same changes in the same order are in the same state,
 * down to the order of arrival; each change says which server and socket a peer is connected to.
 */
import { z } from 'zod'
import { modelIdSchema, peerEntrySchema, peerIdSchema, placementSchema, wishSchema } from '../protocol/cluster.ts'
import type { PeerId } from '../protocol/ids.ts'
import { helloSchema, orderSchema, selfUpdateSchema, type Hello } from '../protocol/signaling.ts'
import { secretDigest } from './admission.ts'
import { createRoster, type Outcome, type Roster } from './roster.ts'

const ownerSchema = z.object({ server: z.string(), socket: z.string(), secretDigest: z.string() })
/** Where a peer is connected, and the digest of the secret that proves that it is itself. */
export type Owner = z.infer<typeof ownerSchema>

/** What others learn of a hello: its secret and token stay with the server that heard it. */
const joiningSchema = helloSchema.omit({ version: true, secret: true, proof: true, token: true })
export const changeSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('join'), owner: ownerSchema, hello: joiningSchema }),
  z.object({ type: z.literal('update'), id: peerIdSchema, update: selfUpdateSchema }),
  /** Changes nothing once the peer is connected elsewhere. */
  z.object({ type: z.literal('leave'), id: peerIdSchema, socket: z.string() }),
  z.object({ type: z.literal('wish'), wish: wishSchema }),
  z.object({ type: z.literal('unwish'), model: modelIdSchema }),
  /** Changes nothing here: the server that the device is connected to passes it on. */
  z.object({ type: z.literal('order'), id: peerIdSchema, order: orderSchema }),
  /** The peer is dismissed by whoever runs the cluster. */
  z.object({ type: z.literal('remove'), id: peerIdSchema }),
  z.object({ type: z.literal('announce'), id: peerIdSchema, placement: placementSchema }),
  /** Nothing was heard of a server: its peers are gone until they come back through another. */
  z.object({ type: z.literal('server-left'), server: z.string() }),
])
export type Change = z.infer<typeof changeSchema>

export const snapshotSchema = z.object({
  /** Names the cluster's memory: another name means that it has forgotten everybody. */
  name: z.string(),
  arrivals: z.number().int(),
  peers: z.array(peerEntrySchema),
  owners: z.array(z.tuple([peerIdSchema, ownerSchema])),
  wishes: z.array(wishSchema),
  placements: z.array(placementSchema),
})
export type Snapshot = z.infer<typeof snapshotSchema>

export type SharedRoster = Pick<Roster, 'peers' | 'size' | 'wishes' | 'placements'> & {
  readonly name: () => string
  readonly apply: (change: Change) => Outcome
  readonly ownerOf: (id: PeerId) => Owner | null
  readonly snapshot: () => Snapshot
  readonly restore: (snapshot: Snapshot) => void
}

export function joinOf(
  { version: _, secret, proof: __, token: ___, ...hello }: Hello,
  server: string,
  socket: string,
): Extract<Change, { type: 'join' }> {
  return { type: 'join', owner: { server, socket, secretDigest: secretDigest(secret) }, hello }
}

export function createSharedRoster(firstName: string): SharedRoster {
  let name = firstName
  let roster = createRoster()
  let owners = new Map<PeerId, Owner>()

  const leave = (id: PeerId): Outcome => {
    owners.delete(id)
    return roster.leave(id)
  }

  function apply(change: Change): Outcome {
    switch (change.type) {
      case 'join':
        owners.set(change.hello.id, change.owner)
        return roster.join(change.hello)
      case 'update':
        return roster.update(change.id, change.update)
      case 'leave':
        return owners.get(change.id)?.socket === change.socket ? leave(change.id) : []
      case 'wish':
        return roster.wish(change.wish)
      case 'unwish':
        return roster.unwish(change.model)
      case 'order':
        return []
      case 'remove':
        return leave(change.id)
      case 'announce':
        return roster.announce(change.id, change.placement)
      case 'server-left': {
        const gone = [...owners].filter(([, owner]) => owner.server === change.server).map(([id]) => id)
        for (const id of gone) owners.delete(id)
        return gone.flatMap((id) => roster.leave(id))
      }
    }
  }

  return {
    name: () => name,
    apply,
    peers: () => roster.peers(),
    size: () => roster.size(),
    wishes: () => roster.wishes(),
    placements: () => roster.placements(),
    ownerOf: (id) => owners.get(id) ?? null,
    snapshot: () => ({
      name,
      arrivals: roster.arrivals(),
      peers: [...roster.peers()],
      owners: [...owners],
      wishes: [...roster.wishes()],
      placements: [...roster.placements()],
    }),
    restore: (snapshot) => {
      name = snapshot.name
      roster = createRoster(snapshot)
      owners = new Map(snapshot.owners)
    },
  }
}
