/** What opens this server beside the secrets of its command line: keys for programs, invitations for devices. Kept as digests only. */
import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { SCOPES } from '../../protocol/access.ts'
import { MAX_NAME_CHARS } from '../../protocol/limits.ts'

const perMinute = z.number().int().min(1).max(1_000_000_000)
/** Null = no limit. */
export const limitsSchema = z.strictObject({
  requestsPerMinute: perMinute.nullable().default(null),
  tokensPerMinute: perMinute.nullable().default(null),
})
export type Limits = z.infer<typeof limitsSchema>
export const NO_LIMITS: Limits = { requestsPerMinute: null, tokensPerMinute: null }

// Control and bidirectional marks could show a name as another one, in a table and in a log.
export const nameSchema = z
  .string()
  .trim()
  .min(1)
  .max(MAX_NAME_CHARS)
  .refine((name) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name), 'has characters that cannot be seen')

export const entrySchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{12}$/),
  kind: z.enum(['key', 'invite']),
  name: nameSchema,
  /** SHA-256 of the secret, in hex. A secret has 256 random bits, so a slow hash would add nothing. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  scopes: z.array(z.enum(SCOPES)),
  limits: limitsSchema,
  created: z.iso.datetime(),
  expires: z.iso.datetime().nullable(),
})
export type AccessEntry = z.infer<typeof entrySchema>

export const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

export type NewEntry = Pick<AccessEntry, 'kind' | 'name' | 'scopes' | 'limits' | 'expires'>

/** An entry and its secret, which is told once and kept nowhere. */
export function makeEntry(wanted: NewEntry, now: Date): { readonly entry: AccessEntry; readonly secret: string } {
  const secret = `${wanted.kind === 'key' ? 'rk' : 'rj'}_${randomBytes(32).toString('base64url')}`
  return { secret, entry: { ...wanted, id: randomBytes(6).toString('hex'), digest: digestOf(secret), created: now.toISOString() } }
}

export const isExpired = ({ expires }: AccessEntry, now: Date): boolean => expires !== null && now.getTime() >= Date.parse(expires)

/** As people see it: everything but the digest. */
export function shownEntry(entry: AccessEntry, now: Date): object {
  const { digest: _, ...shown } = entry
  return { ...shown, expired: isExpired(entry, now) }
}

const UNITS = { m: 60, h: 3600, d: 86_400, w: 604_800 } as const
/** Ten years: beyond that "never" is meant. */
const MAX_SECONDS = 10 * 365 * 86_400

/** `90m`, `12h`, `30d`, `8w` from `now` on as a date; `never` as null; undefined when it is none of these. */
export function expiryAfter(text: string, now: Date): string | null | undefined {
  if (text === 'never') return null
  const [, count = '', unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text) ?? []
  const seconds = Number(count) * (UNITS[unit as keyof typeof UNITS] ?? 0)
  return seconds > 0 && seconds <= MAX_SECONDS ? new Date(now.getTime() + seconds * 1000).toISOString() : undefined
}
