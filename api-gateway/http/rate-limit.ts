/** What a key may ask for in a minute: requests counted as they come, tokens as they are spent. */
import type { RequestHandler, Response } from 'express'
import { RateLimiterMemory, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible'
import { ClusterError } from '../../protocol/errors.ts'
import type { Holder } from '../access/access.ts'
import { holderOf } from './authorize.ts'

export type RateLimits = {
  /** Counts a request, tells what is left in headers, and refuses what is too much. @throws {ClusterError} rate_limited */
  readonly admit: RequestHandler
  /** Counts tokens of prompts and answers against the key of an exchange. */
  readonly spend: (response: Response, tokens: number) => void
}

const MINUTE_SECONDS = 60

type Kind = 'requests' | 'tokens'

/** Where uses are counted, `points` in `duration` seconds for each name. */
export type OpenWindow = (window: { readonly keyPrefix: string; readonly points: number; readonly duration: number }) => RateLimiterAbstract
const inThisProcess: OpenWindow = (window) => new RateLimiterMemory(window)

/** One window of a minute a key, which begins with its first request. */
export function createRateLimits(openWindow: OpenWindow = inThisProcess): RateLimits {
  const windows = new Map<string, RateLimiterAbstract>()
  const windowOf = (kind: Kind, points: number): RateLimiterAbstract => {
    const name = `${kind} ${points}`
    const known = windows.get(name) ?? openWindow({ keyPrefix: name, points, duration: MINUTE_SECONDS })
    windows.set(name, known)
    return known
  }

  function tell(response: Response, kind: Kind, limit: number, { remainingPoints, msBeforeNext }: RateLimiterRes): void {
    response.setHeader(`x-ratelimit-limit-${kind}`, limit)
    response.setHeader(`x-ratelimit-remaining-${kind}`, Math.max(0, remainingPoints))
    response.setHeader(`x-ratelimit-reset-${kind}`, `${Math.ceil(msBeforeNext / 1000)}s`)
  }
  const tooMuch = (kind: Kind, limit: number, { msBeforeNext }: RateLimiterRes): ClusterError =>
    new ClusterError('rate_limited', `this key may have ${limit} ${kind} a minute, and they are used up`, {
      detail: { retryAfterSeconds: Math.max(1, Math.ceil(msBeforeNext / 1000)) },
    })

  async function countRequest(response: Response, { id, limits: { requestsPerMinute: limit } }: Holder): Promise<void> {
    if (limit === null) return
    const outcome = await windowOf('requests', limit)
      .consume(id)
      .catch((refused: unknown) => refused)
    if (!(outcome instanceof RateLimiterRes)) throw outcome
    tell(response, 'requests', limit, outcome)
    if (outcome.consumedPoints > limit) throw tooMuch('requests', limit, outcome)
  }

  async function checkTokens(response: Response, { id, limits: { tokensPerMinute: limit } }: Holder): Promise<void> {
    if (limit === null) return
    const outcome = (await windowOf('tokens', limit).get(id)) ?? new RateLimiterRes(limit, MINUTE_SECONDS * 1000, 0, true)
    tell(response, 'tokens', limit, outcome)
    if (outcome.consumedPoints >= limit) throw tooMuch('tokens', limit, outcome)
  }

  return {
    admit: async (request, response, next) => {
      const holder = holderOf(request)
      if (holder) {
        await countRequest(response, holder)
        await checkTokens(response, holder)
      }
      next()
    },
    spend: (response, tokens) => {
      const holder = holderOf(response.req)
      const limit = holder?.limits.tokensPerMinute ?? null
      // What was begun is finished: only the next request finds the window full.
      if (holder && limit !== null && tokens > 0) void windowOf('tokens', limit).penalty(holder.id, tokens)
    },
  }
}
