/** Models that this server has no files of and finds on its hub: devices read the weights there themselves, the server the small files. */
import { webcrypto } from 'node:crypto'
import { hubSource, hubUrl } from '../core/model/hub-source.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import { ClusterError } from '../protocol/errors.ts'
import type { ModelId } from '../protocol/ids.ts'

export type HubModels = {
  /** Where devices read the model: always below the configured endpoint. */
  readonly url: (id: ModelId) => string
  readonly open: (id: ModelId) => ModelSource
  /** @throws {ClusterError} source_unavailable */
  readonly has: (id: ModelId) => Promise<boolean>
}

/** What reads from a hub in Node. */
export const HUB_READING = {
  fetch: (url: string, init: RequestInit) => fetch(url, init),
  clock: {
    now: () => performance.now(),
    timer: (delayMs: number, callback: () => void) => {
      const timer = setTimeout(callback, delayMs)
      return () => clearTimeout(timer)
    },
  },
  random: Math.random,
  sha256: (bytes: Uint8Array<ArrayBuffer>) => webcrypto.subtle.digest('SHA-256', bytes),
}

/** @param token of the hub, null for what is public */
export function createHubModels(endpoint: string, token: string | null): HubModels {
  const options = { ...HUB_READING, ...(token === null ? {} : { token }) }
  const known = new Map<ModelId, Promise<boolean>>()
  const open = (id: ModelId): ModelSource => hubSource(`hf:${id}`, endpoint, options)
  return {
    url: (id) => hubUrl(`hf:${id}`, endpoint),
    open,
    has: (id) => {
      if (!id.includes('/')) return Promise.resolve(false)
      const asked =
        known.get(id) ??
        open(id)
          .readText('config.json')
          .then((text) => text !== null)
      known.set(id, asked)
      // Only what is there is remembered: the rest may be uploaded, or the host come back.
      asked.then((isThere) => isThere || known.delete(id)).catch(() => known.delete(id))
      return asked
    },
  }
}

/** What pages may connect to for weights: the hub, and for the public one the hosts it redirects to. */
export function hubOrigins(endpoint: string): readonly string[] {
  const { origin, hostname } = new URL(endpoint)
  return hostname === 'huggingface.co' ? [origin, 'https://*.huggingface.co', 'https://*.hf.co'] : [origin]
}

/**
 * The address that a wish names, when it is one of the hub's: a wish may send this server nowhere else.
 * @throws {ClusterError} source_unavailable
 */
export function belowHub(source: string, endpoint: string | null): string {
  // Parsed first: dots and odd spellings are gone from what is compared and then read.
  const href = endpoint === null ? null : new URL(source, endpoint).href
  if (endpoint !== null && href?.startsWith(`${endpoint.replace(/\/+$/, '')}/`)) return href
  throw new ClusterError('source_unavailable', `this server reads models from its own folders and its hub only, not from ${source.slice(0, 200)}`)
}
