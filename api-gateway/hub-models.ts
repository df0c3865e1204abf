/** Models that this server has no files of and finds on its hub: devices read the weights there themselves, the server the small files. */
import { webcrypto } from 'node:crypto'
import { hubSource, hubUrl } from '../core/model/hub-source.ts'
import type { ModelReference } from '../core/model/model-reference.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import { ClusterError } from '../protocol/errors.ts'

export type HubModels = {
  readonly endpoint: string
  /** Where devices read the model: always below the configured endpoint. */
  readonly url: (model: ModelReference) => string
  readonly open: (model: ModelReference) => ModelSource
  /** @throws {ClusterError} source_unavailable */
  readonly has: (model: ModelReference) => Promise<boolean>
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
  const known = new Map<string, Promise<boolean>>()
  const nameOf = ({ id, revision }: ModelReference): string => `hf:${id}@${revision}`
  const open = (model: ModelReference): ModelSource => hubSource(nameOf(model), endpoint, options)
  return {
    endpoint,
    url: (model) => hubUrl(nameOf(model), endpoint),
    open,
    has: (model) => {
      if (!model.id.includes('/')) return Promise.resolve(false)
      const name = nameOf(model)
      const asked =
        known.get(name) ??
        open(model)
          .readText('config.json')
          .then((text) => text !== null)
      known.set(name, asked)
      // Only what is there is remembered: the rest may be uploaded, or the host come back.
      asked.then((isThere) => isThere || known.delete(name)).catch(() => known.delete(name))
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
