/** Who may do what: the secrets of the command line and of the access file, judged anew at every call. */
import { randomBytes } from 'node:crypto'
import { SCOPES, type Scope } from '../../protocol/access.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { entryWith, type AccessFile } from './access-file.ts'
import { digestOf, isExpired, makeEntry, NO_LIMITS, type AccessEntry, type Limits, type NewEntry } from './access-entry.ts'

/** Whom a secret belongs to. `id` names it without telling it. */
export type Holder = { readonly id: string; readonly kind: 'key' | 'invite'; readonly scopes: readonly Scope[]; readonly limits: Limits }

export type Access = {
  /** Whether the API asks for a key, and devices for a token with it. */
  readonly isClosed: () => boolean
  /** Null on an open server without a secret, and for an unknown secret there. @throws {ClusterError} invalid_api_key on a closed one */
  readonly holderOf: (secret: string | null) => Holder | null
  /** Null when a device or client with this token may join; else why not. */
  readonly refusal: (role: 'device' | 'client', token: string | null) => ClusterError | null
  /** What the link for devices carries; null while anyone may join. */
  readonly joinToken: () => string | null
  readonly list: (kind: AccessEntry['kind']) => readonly AccessEntry[]
  readonly make: (wanted: NewEntry) => { readonly entry: AccessEntry; readonly secret: string }
  /** False when there is none of that id and kind. */
  readonly revoke: (kind: AccessEntry['kind'], id: string) => boolean
}

export type AccessOptions = {
  readonly file: AccessFile
  /** Keys of the command line: they may do everything. */
  readonly apiKeys: readonly string[]
  readonly joinToken: string | null
  readonly now?: () => Date
  /** A token that was spent by a device that was removed: links get another one. */
  readonly isSpent?: (token: string) => boolean
}

/** Entries of one file: beyond it somebody makes keys in a loop. */
const MAX_ENTRIES = 10_000

export function createAccess({ file, apiKeys, joinToken, now = () => new Date(), isSpent = () => false }: AccessOptions): Access {
  const owner = new Map(apiKeys.map((key) => [digestOf(key), { id: `option-${digestOf(key).slice(0, 8)}` }]))
  const given = joinToken === null ? null : digestOf(joinToken)
  const keysOf = (): readonly AccessEntry[] => file.read().entries.filter(({ kind }) => kind === 'key')
  const isClosed = (): boolean => owner.size > 0 || keysOf().length > 0
  /** The first key or invitation closes the door to devices that have none. */
  const isInvited = (): boolean => given !== null || isClosed() || file.read().entries.length > 0
  const asHolder = ({ id, kind, scopes, limits }: AccessEntry): Holder => ({ id, kind, scopes, limits })

  /** Nobody gave a token, or the one given was spent by a device that was removed. */
  const isOwn = (): boolean => joinToken === null || isSpent(joinToken)

  /** The token of a closed server to which none was given, made when it is first needed. */
  function ownToken(): string {
    const kept = file.read().joinToken
    if (kept !== null && !isSpent(kept)) return kept
    const made = `rj_${randomBytes(24).toString('base64url')}`
    file.write((state) => ({ ...state, joinToken: made }))
    return made
  }

  function find(secret: string | null): Holder | 'expired' | null {
    if (secret === null) return null
    // Looked up by digest: how long that takes says nothing about the secret.
    const digest = digestOf(secret)
    const own = owner.get(digest)
    if (own) return { id: own.id, kind: 'key', scopes: SCOPES, limits: NO_LIMITS }
    const entry = entryWith(file.read().entries, digest)
    if (entry) return isExpired(entry, now()) ? 'expired' : asHolder(entry)
    const isToken = digest === given || (isOwn() && isInvited() && digest === digestOf(ownToken()))
    return isToken ? { id: 'join-token', kind: 'invite', scopes: [], limits: NO_LIMITS } : null
  }

  function holderOf(secret: string | null): Holder | null {
    const found = find(secret)
    if (found !== null && found !== 'expired') return found
    if (!isClosed()) return null
    if (found === 'expired') throw new ClusterError('invalid_api_key', 'this API key has expired; ask the owner of this server for another one')
    if (secret === null) throw new ClusterError('invalid_api_key', 'this server needs an API key; send it as Authorization: Bearer KEY')
    throw new ClusterError('invalid_api_key', 'the API key is not one of this server')
  }

  function refusal(role: 'device' | 'client', token: string | null): ClusterError | null {
    const found = find(token)
    if (role === 'client' && isClosed()) {
      if (found !== null && found !== 'expired' && (found.kind === 'invite' || found.scopes.includes('inference'))) return null
      return new ClusterError('invalid_api_key', 'this cluster asks for a key; open the page with ?token=KEY')
    }
    if (role === 'client' || !isInvited()) return null
    if (found === 'expired') return new ClusterError('invalid_join_token', 'this invitation has expired; ask for a new link')
    if (found?.kind === 'invite') return null
    return new ClusterError('invalid_join_token', 'this cluster asks for a join token; use the link that its owner shares')
  }

  return {
    isClosed,
    holderOf,
    refusal,
    joinToken: () => (isOwn() ? (isInvited() ? ownToken() : null) : joinToken),
    list: (wanted) => file.read().entries.filter(({ kind }) => kind === wanted),
    make: (wanted) => {
      if (file.read().entries.length >= MAX_ENTRIES)
        throw new ClusterError('invalid_value', `a server keeps at most ${MAX_ENTRIES} keys and invitations`)
      const made = makeEntry(wanted, now())
      file.write((state) => ({ ...state, entries: [...state.entries, made.entry] }))
      return made
    },
    revoke: (kind, id) => {
      const isMeant = (entry: AccessEntry): boolean => entry.kind === kind && entry.id === id
      if (!file.read().entries.some(isMeant)) return false
      file.write((state) => ({ ...state, entries: state.entries.filter((entry) => !isMeant(entry)) }))
      return true
    },
  }
}
