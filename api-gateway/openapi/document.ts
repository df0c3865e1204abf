/** The OpenAPI document, made of the schemas that requests are read with: it cannot say anything else than they do. */
import { z } from 'zod'
import PACKAGE from '../../package.json' with { type: 'json' }
import { ERRORS } from '../../protocol/errors.ts'
import { needOf } from '../http/authorize.ts'
import { JSON_TYPE, type Operation } from './operation.ts'
import { OPERATIONS } from './operations.ts'

export type JsonSchema = z.core.JSONSchema.JSONSchema

/** Express → OpenAPI: `/v1/models/*id` → `/v1/models/{id}`. */
export const openApiPath = (path: string): string => path.replaceAll(/[*:](\w+)/g, '{$1}')
const parametersOf = (path: string): readonly string[] => [...path.matchAll(/[*:](\w+)/g)].map(([, name]) => name ?? '')

/** A body or a query as a client may send it: what has a default may be left out. */
export function schemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _dialect, ...given } = z.toJSONSchema(schema, {
    io: 'input',
    // Checks that a JSON schema cannot say are made all the same.
    unrepresentable: 'any',
    override: ({ jsonSchema, path }) => {
      // Whatever is no model's name is answered with 404, and so is read as it comes.
      if (path.at(-1) === 'model' && path.at(-2) === 'properties' && Object.keys(jsonSchema).length === 0) jsonSchema.type = 'string'
    },
  })
  return given
}

const ERROR_SCHEMA = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string' },
        type: { type: 'string', enum: [...new Set(Object.values(ERRORS).map(({ type }) => type))] },
        param: { type: ['string', 'null'] },
        code: { type: 'string', enum: Object.keys(ERRORS) },
      },
    },
  },
} as const

function queryParameters(query: z.ZodType): readonly object[] {
  const { properties = {}, required = [] } = schemaOf(query)
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }))
}

/** Dialects have error bodies of their own. */
const errorSchemaOf = (path: string): object => {
  if (path.startsWith('/api/')) return { type: 'object', required: ['error'], properties: { error: { type: 'string' } } }
  return { $ref: path.startsWith('/v1/messages') ? '#/components/schemas/AnthropicError' : '#/components/schemas/Error' }
}

function operationOf({ method, path, tag, summary, body, example, query, status = 200, gives = [JSON_TYPE] }: Operation): object {
  const need = needOf(path.replaceAll(/[*:]/g, ''))
  const content = Object.fromEntries(gives.map((type) => [type, type === JSON_TYPE ? { schema: { type: 'object' } } : {}]))
  const parameters = [
    ...parametersOf(path).map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...(query ? queryParameters(query) : []),
  ]
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^a-zA-Z0-9]+/g, '_')}`,
    tags: [tag],
    summary,
    ...(need === null ? { security: [] } : { 'x-scope': need }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body ? { requestBody: { required: true, content: { [JSON_TYPE]: { schema: schemaOf(body), ...(example ? { example } : {}) } } } } : {}),
    responses: {
      ...(status < 400 ? { [status]: { description: 'Success', ...(gives.length === 0 ? {} : { content }) } } : {}),
      default: { description: 'Why not', content: { [JSON_TYPE]: { schema: errorSchemaOf(path) } } },
    },
  }
}

/** @returns OpenAPI 3.1 */
export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of OPERATIONS) {
    const methods = (paths[openApiPath(operation.path)] ??= {})
    methods[operation.method.toLowerCase()] = operationOf(operation)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Ringlet', version: PACKAGE.version, description: PACKAGE.description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/' }],
    security: [{}, { bearer: [] }, { header: [] }],
    tags: [...new Set(OPERATIONS.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, header: { type: 'apiKey', in: 'header', name: 'x-api-key' } },
      schemas: {
        Error: ERROR_SCHEMA,
        AnthropicError: {
          type: 'object',
          required: ['type', 'error', 'request_id'],
          properties: {
            type: { const: 'error' },
            error: { type: 'object', required: ['type', 'message'], properties: { type: { type: 'string' }, message: { type: 'string' } } },
            request_id: { type: 'string' },
          },
        },
      },
    },
  }
}
