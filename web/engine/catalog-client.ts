/** The models of the server this page came from, over its HTTP API: what there is, what is wished, what is deleted. */
import { z } from 'zod'
import { catalogSchema, modelCardSchema, uploadListSchema, uploadSchema, type ModelCard, type Upload } from '../../protocol/catalog.ts'
import type { Quality, WishState } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import { jsonRequest, type ServerCall } from './server-call.ts'

/** Every call @throws {ClusterError} as the server answers, source_unavailable when it does not. */
export type CatalogClient = {
  readonly list: (quality: Quality) => Promise<readonly ModelCard[]>
  /** What a person wrote: a name, perhaps with a revision, or an address. */
  readonly lookUp: (reference: string, quality: Quality) => Promise<ModelCard>
  readonly place: (model: ModelId, state: 'serve' | 'prefetch', quality: Quality) => Promise<void>
  readonly change: (model: ModelId, state: Exclude<WishState, 'forget'>) => Promise<void>
  readonly drop: (model: ModelId) => Promise<void>
  /** From every device, and from the server where it was uploaded. */
  readonly remove: (model: ModelId) => Promise<void>
  readonly uploads: () => Promise<readonly Upload[]>
  /** Null when nothing of it has arrived. */
  readonly upload: (model: ModelId) => Promise<Upload | null>
  readonly sendPiece: (model: ModelId, file: string, piece: { start: number; bytes: Blob; size: number }, signal: AbortSignal) => Promise<void>
  readonly finishUpload: (model: ModelId) => Promise<void>
  readonly discardUpload: (model: ModelId) => Promise<void>
}

const anySchema = z.unknown()

export function createCatalogClient(call: ServerCall): CatalogClient {
  const send = async (method: string, path: string, body?: unknown): Promise<void> => {
    await call(anySchema, path, jsonRequest(method, body))
  }
  /** A name may have a slash, which stays one. */
  const pathOf = (model: ModelId): string => model.split('/').map(encodeURIComponent).join('/')
  const uploadPath = (model: ModelId): string => `/v1/catalog/uploads/${encodeURIComponent(model)}`
  return {
    list: async (quality) => (await call(catalogSchema, `/v1/catalog?quality=${quality}`)).data,
    lookUp: (reference, quality) => call(modelCardSchema, `/v1/catalog/card?${new URLSearchParams({ model: reference, quality })}`),
    place: (model, state, quality) => send('POST', '/v1/cluster/placements', { model, state, quality }),
    change: (model, state) => send('PATCH', `/v1/cluster/placements/${pathOf(model)}`, { state }),
    drop: (model) => send('DELETE', `/v1/cluster/placements/${pathOf(model)}`),
    remove: (model) => send('DELETE', `/v1/catalog/models/${pathOf(model)}`),
    uploads: async () => (await call(uploadListSchema, '/v1/catalog/uploads')).data,
    upload: (model) =>
      call(uploadSchema, uploadPath(model)).catch((error: unknown) => {
        if (error instanceof ClusterError && error.code === 'model_not_found') return null
        throw error
      }),
    sendPiece: async (model, file, { start, bytes, size }, signal) => {
      const range = size === 0 ? 'bytes */0' : `bytes ${start}-${start + bytes.size - 1}/${size}`
      await call(anySchema, `${uploadPath(model)}/${encodeURIComponent(file)}`, {
        method: 'PUT',
        body: bytes,
        headers: { 'content-type': 'application/octet-stream', 'content-range': range },
        signal,
      })
    },
    finishUpload: (model) => send('POST', uploadPath(model)),
    discardUpload: (model) => send('DELETE', uploadPath(model)),
  }
}
