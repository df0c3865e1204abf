/**
 * Who may read what through this server. A wish may send it to its hub and to the addresses it was started with, and nowhere else. Private
 * repositories are handed on at `/hub/SHARE/…`: the share is made of the token, so it is the same after a restart, tells nothing of the
 * token, is good for one repository, and is known to those who are told of the wish: devices and chats that have joined.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { httpSource } from '../core/model/http-source.ts'
import type { ModelSource } from '../core/model/model-source.ts'
import { ClusterError } from '../protocol/errors.ts'
import { HUB_READING } from './hub-reading.ts'

export type Hub = {
  /** Base URL. */
  readonly endpoint: string
  /** Null for what is public only. */
  readonly token: string | null
}

const SHARED = /^\/hub\/([0-9a-f]{32})\/([^/]+\/[^/]+)\/(resolve\/.+)$/

const shareOf = (repository: string, token: string): string =>
  createHmac('sha256', token).update(`ringlet shares ${repository}`).digest('hex').slice(0, 32)

const withoutSlash = (endpoint: string): string => endpoint.replace(/\/+$/, '')

/** Where devices read `address` of the hub through this server. */
export function sharedPath(address: string, repository: string, { endpoint, token }: Hub): string {
  if (token === null) throw new Error('nothing is shared without a token')
  return `/hub/${shareOf(repository, token)}${address.slice(withoutSlash(endpoint).length)}`
}

/** The address of the hub that a path of this server stands for; null when its share is not that of the repository. */
export function sharedAddress(path: string, { endpoint, token }: Hub): string | null {
  const [, share = '', repository = '', rest = ''] = SHARED.exec(path) ?? []
  if (token === null || share === '' || !timingSafeEqual(Buffer.from(share), Buffer.from(shareOf(repository, token)))) return null
  const address = `${withoutSlash(endpoint)}/${repository}/${rest}`
  // Dots would lead to another repository, which this share is not for.
  return new URL(address).href.startsWith(`${new URL(`${withoutSlash(endpoint)}/${repository}`).href}/`) ? address : null
}

/**
 * The address that a wish names, when this server may go there.
 * @param addresses it was started with
 * @throws {ClusterError} source_unavailable
 */
function permitted(source: string, hub: Hub | null, addresses: readonly string[]): string {
  if (addresses.includes(source)) return source
  if (hub) {
    const shared = sharedAddress(source, hub)
    if (shared !== null) return shared
    // Parsed first: dots and odd spellings are gone from what is compared and then read.
    const { href } = new URL(source, hub.endpoint)
    if (href.startsWith(`${withoutSlash(hub.endpoint)}/`)) return href
  }
  throw new ClusterError('source_unavailable', `this server reads models from its own folders and its hub only, not from ${source.slice(0, 200)}`)
}

/** Opens what a wish names that is no folder of this server. The token goes to the hub alone. */
export function farOpener(hub: Hub | null, addresses: readonly string[]): (source: string) => ModelSource {
  return (source) => {
    const address = permitted(source, hub, addresses)
    const isHub = hub !== null && address.startsWith(`${withoutSlash(hub.endpoint)}/`)
    return httpSource(address, { ...HUB_READING, ...(isHub && hub.token !== null ? { token: hub.token } : {}) })
  }
}
