import type { z } from 'zod'

/** One method of one path, as the document and the gateway's own checks know it. */
export type Operation = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As express has it: `/v1/models/*id`. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  /** What a JSON body must be; absent = none is read. */
  readonly body?: z.ZodType
  /** A body that is accepted, as it is. */
  readonly example?: Readonly<Record<string, unknown>>
  readonly query?: z.ZodType
  /** Status of success; default 200. */
  readonly status?: number
  /** Media types of success; default JSON. */
  readonly gives?: readonly string[]
}

export const JSON_TYPE = 'application/json'
export const EVENTS = [JSON_TYPE, 'text/event-stream'] as const
export const LINES = ['application/x-ndjson', JSON_TYPE] as const
