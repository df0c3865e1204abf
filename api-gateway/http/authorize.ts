/** Which key a request shows, and what it opens. */
import type { Request, RequestHandler } from 'express'
import { ClusterError } from '../../protocol/errors.ts'
import type { Access, Holder } from '../access/access.ts'
import type { Scope } from '../../protocol/access.ts'

export function secretOf(request: Request): string | null {
  const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  return bearer ?? request.get('x-api-key') ?? null
}

/** What a path needs: nothing, a scope, or `any` key or token that is valid here. */
type Need = Scope | 'any' | null

/** First match wins. What is not listed is a page or one of its files. Express ignores the case of a path, so do these. */
const NEEDS: readonly (readonly [RegExp, Need])[] = [
  [/^\/(health|ready|version|api\/version|openapi\.json|docs|docs\.css)\/?$/i, null],
  [/^\/metrics\/?$/i, 'metrics'],
  [/^\/v1\/(keys|invites)(\/|$)/i, 'access'],
  [/^\/v1\/(cluster|catalog)(\/|$)/i, 'cluster'],
  [/^\/api\/(pull|delete|create|copy|push)\/?$/i, 'cluster'],
  [/^\/(v1|api)(\/|$)/i, 'inference'],
  [/^\/(chat\/completions|tokenize|detokenize|apply-template|slots|load)\/?$/i, 'inference'],
  // Devices read these, and they have a join token.
  [/^\/(models\/.|hub\/)/i, 'any'],
]

export const needOf = (path: string): Need => NEEDS.find(([pattern]) => pattern.test(path))?.[1] ?? null

const holders = new WeakMap<Request, Holder>()
/** Whose request it is, once it was let in; null on an open server without a key of it. */
export const holderOf = (request: Request): Holder | null => holders.get(request) ?? null

/** @throws {ClusterError} invalid_api_key, insufficient_scope */
export function authorize(access: Access): RequestHandler {
  return (request, _response, next) => {
    const need = needOf(request.path)
    if (need === null) return next()
    const holder = access.holderOf(secretOf(request))
    if (holder === null) return next()
    holders.set(request, holder)
    if (need === 'any' || !access.isClosed() || holder.scopes.includes(need)) return next()
    next(new ClusterError('insufficient_scope', `this key does not open ${request.path.slice(0, 200)}: that needs the scope "${need}"`))
  }
}
