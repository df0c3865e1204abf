/** Keys and invitations over HTTP: make, list, revoke. A secret is in the one answer that makes it, and nowhere else. */
import { Router, type Request } from 'express'
import { z } from 'zod'
import { SCOPES } from '../../protocol/access.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { Access } from '../access/access.ts'
import { expiryAfter, limitsSchema, nameSchema, NO_LIMITS, shownEntry, type AccessEntry } from '../access/access-entry.ts'
import { isLoopback } from '../addresses.ts'
import { parseFields } from '../dialects/openai-fields.ts'

const expiresSchema = z.string().refine((text) => expiryAfter(text, new Date()) !== undefined, 'expected a span such as 12h, 30d, 8w, or "never"')
export const keySchema = z.strictObject({
  name: nameSchema,
  scopes: z.array(z.enum(SCOPES)).min(1).default(['inference']),
  expires: expiresSchema.default('never'),
  limits: limitsSchema.default(NO_LIMITS),
})
export const inviteSchema = z.strictObject({ name: nameSchema, expires: expiresSchema.default('7d') })

/** While there is no key, anybody could make the first and shut the owner out: so only this machine may. */
function checkOwner(request: Request, access: Access): void {
  const from = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
  // Behind a proxy of this machine everybody seems to be on it.
  if (access.isClosed() || (isLoopback(from) && request.get('x-forwarded-for') === undefined)) return
  throw new ClusterError('insufficient_scope', 'the first key is made on the machine that runs this server: npm run keys -- make --name NAME')
}

export function accessRoutes(access: Access): Router {
  const router = Router()
  const listed = (kind: AccessEntry['kind']): object => ({ object: 'list', data: access.list(kind).map((entry) => shownEntry(entry, new Date())) })

  const keyOf = (body: unknown): Parameters<Access['make']>[0] => {
    const { expires, ...fields } = parseFields(keySchema, body)
    const isFirst = !access.isClosed()
    // The first key is the owner's: with fewer rights nobody could make another.
    return { ...fields, kind: 'key', scopes: isFirst ? [...SCOPES] : fields.scopes, expires: expiryAfter(expires, new Date()) ?? null }
  }
  const inviteOf = (body: unknown): Parameters<Access['make']>[0] => {
    const { name, expires } = parseFields(inviteSchema, body)
    return { kind: 'invite', name, scopes: [], limits: NO_LIMITS, expires: expiryAfter(expires, new Date()) ?? null }
  }

  for (const { path, kind, read } of [
    { path: '/v1/keys', kind: 'key', read: keyOf },
    { path: '/v1/invites', kind: 'invite', read: inviteOf },
  ] as const) {
    router.get(path, (_request, response) => void response.json(listed(kind)))
    router.post(path, (request, response) => {
      checkOwner(request, access)
      const { entry, secret } = access.make(read(request.body))
      response.status(201).json({ ...shownEntry(entry, new Date()), secret, ...(kind === 'invite' ? { path: `/contribute?token=${secret}` } : {}) })
    })
    router.delete(`${path}/:id`, (request, response) => {
      checkOwner(request, access)
      const { id } = request.params
      if (!access.revoke(kind, id))
        throw new ClusterError('route_not_found', `there is no ${kind} ${id.slice(0, 40)} here`, { detail: { param: 'id' } })
      response.json({ id, deleted: true })
    })
  }
  return router
}
