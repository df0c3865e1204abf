/** What whoever runs the cluster may ask of single devices: to pause, to be let in, to go. */
import { Router } from 'express'
import { z } from 'zod'
import type { ClusterView } from '../../core/cluster/cluster-view.ts'
import type { PeerEntry } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { WaitingDevice } from '../access/device-gate.ts'
import { parseFields } from '../dialects/openai-fields.ts'

/** How a word about a device reaches it. */
export type DeviceControl = {
  readonly pause: (id: PeerId, paused: boolean) => void
  readonly waiting: () => readonly WaitingDevice[]
  /** False when nobody of that id waits. */
  readonly approve: (id: string) => boolean
  readonly remove: (id: PeerId) => void
}

/** `paused`: takes no layers, and stops what it downloads. `lending`: goes on. `approved`: may come in, where this server asks first. */
export const deviceChangeSchema = z.object({ state: z.enum(['paused', 'lending', 'approved']) })

export function deviceRoutes(view: () => ClusterView, devices: DeviceControl): Router {
  const router = Router()
  const unknown = (id: string): ClusterError =>
    new ClusterError('route_not_found', `there is no device ${id.slice(0, 80)} here; GET /v1/cluster lists them`, { detail: { param: 'id' } })
  const browserAt = (id: string): PeerEntry => {
    const peer = [...view().peers.values()].find((one) => one.id === id)
    if (!peer || peer.role === 'gateway') throw unknown(id)
    if (peer.role !== 'local-device') return peer
    throw new ClusterError('invalid_value', 'the server’s own device is switched by the option --no-local-device', { detail: { param: 'id' } })
  }
  router.get('/v1/cluster/devices', (_request, response) => void response.json({ waiting: devices.waiting() }))
  router.patch('/v1/cluster/devices/:id', (request, response) => {
    const { id } = request.params
    const { state } = parseFields(deviceChangeSchema, request.body)
    if (state !== 'approved') devices.pause(browserAt(id).id, state === 'paused')
    else if (!devices.approve(id))
      throw new ClusterError('route_not_found', `no device ${id.slice(0, 80)} waits to be let in; GET /v1/cluster/devices lists those that do`, {
        detail: { param: 'id' },
      })
    response.json({ id, state })
  })
  router.delete('/v1/cluster/devices/:id', (request, response) => {
    const { id } = browserAt(request.params.id)
    devices.remove(id)
    response.json({ id, removed: true })
  })
  return router
}
