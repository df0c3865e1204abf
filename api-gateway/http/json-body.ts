import { raw, type RequestHandler } from 'express'
import { ClusterError } from '../../protocol/errors.ts'
import { parseJson } from './safe-json.ts'

const isJson = (type: string | undefined): boolean => /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type ?? '')

/**
 * Reads a JSON object into `request.body`. The type is required: a form of a foreign page cannot send it without a preflight.
 * @throws {ClusterError} unsupported_media_type, payload_too_large, invalid_json
 */
export function jsonBody(maxBytes: number): RequestHandler[] {
  const checkType: RequestHandler = (request, _response, next) => {
    if (isJson(request.headers['content-type'])) return next()
    next(new ClusterError('unsupported_media_type', 'send the body as JSON with the header content-type: application/json'))
  }
  const parse: RequestHandler = (request, _response, next) => {
    const body: unknown = request.body
    const value = parseJson(body instanceof Uint8Array ? body : new Uint8Array(0))
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new ClusterError('invalid_json', 'the request body must be a JSON object')
    request.body = value
    next()
  }
  return [checkType, raw({ type: () => true, limit: maxBytes }), parse]
}
