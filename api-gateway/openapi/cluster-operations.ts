/** Routes of this server itself: cluster, catalog, keys, operations. */
import { cardQuerySchema, catalogQuerySchema } from '../routes/catalog.ts'
import { inviteSchema, keySchema } from '../routes/access.ts'
import { deviceChangeSchema } from '../routes/devices.ts'
import { placementChangeSchema, placementSchema } from '../routes/cluster.ts'
import type { Operation } from './operation.ts'

const CLUSTER: readonly Operation[] = [
  { method: 'GET', path: '/v1/cluster', tag: 'Cluster', summary: 'Peers, wishes and placements' },
  {
    method: 'POST',
    path: '/v1/cluster/placements',
    tag: 'Cluster',
    summary: 'Wishes for a model to be served, fetched or paused',
    body: placementSchema,
    example: { model: 'ember', quality: 'balanced', state: 'serve' },
    status: 202,
  },
  {
    method: 'PATCH',
    path: '/v1/cluster/placements/*model',
    tag: 'Cluster',
    summary: 'Changes what is wished of a model',
    body: placementChangeSchema,
    example: { state: 'paused' },
  },
  { method: 'DELETE', path: '/v1/cluster/placements/*model', tag: 'Cluster', summary: 'Takes a wish back' },
  { method: 'GET', path: '/v1/cluster/addresses', tag: 'Cluster', summary: 'Where other devices reach this server' },
  { method: 'GET', path: '/v1/cluster/devices', tag: 'Cluster', summary: 'Devices that wait to be let in' },
  {
    method: 'PATCH',
    path: '/v1/cluster/devices/:id',
    tag: 'Cluster',
    summary: 'Pauses a device, which stops its downloads, lets it go on, or lets it in',
    body: deviceChangeSchema,
    example: { state: 'paused' },
  },
  { method: 'DELETE', path: '/v1/cluster/devices/:id', tag: 'Cluster', summary: 'Removes a device: it cannot come back with the same token' },
  { method: 'GET', path: '/v1/cluster/traces', tag: 'Cluster', summary: 'The last requests' },
  { method: 'GET', path: '/v1/cluster/traces/:id', tag: 'Cluster', summary: 'One of them, hop by hop' },
]

const CATALOG: readonly Operation[] = [
  { method: 'GET', path: '/v1/catalog', tag: 'Catalog', summary: 'Cards of models, and whether they fit', query: catalogQuerySchema },
  { method: 'GET', path: '/v1/catalog/card', tag: 'Catalog', summary: 'The card of one model', query: cardQuerySchema },
  { method: 'DELETE', path: '/v1/catalog/models/*model', tag: 'Catalog', summary: 'Deletes a model here and in every page' },
  { method: 'GET', path: '/v1/catalog/uploads', tag: 'Catalog', summary: 'Uploads that are not finished' },
  { method: 'GET', path: '/v1/catalog/uploads/:model', tag: 'Catalog', summary: 'What has arrived of one' },
  { method: 'PUT', path: '/v1/catalog/uploads/:model/:file', tag: 'Catalog', summary: 'Adds a piece to a file, by Content-Range' },
  { method: 'POST', path: '/v1/catalog/uploads/:model', tag: 'Catalog', summary: 'Checks an upload and makes it a model', status: 201 },
  { method: 'DELETE', path: '/v1/catalog/uploads/:model', tag: 'Catalog', summary: 'Deletes what has arrived' },
]

const KEYS: readonly Operation[] = [
  { method: 'GET', path: '/v1/keys', tag: 'Keys', summary: 'Keys, without their secrets' },
  {
    method: 'POST',
    path: '/v1/keys',
    tag: 'Keys',
    summary: 'Makes a key',
    body: keySchema,
    example: { name: 'laptop', scopes: ['inference'], expires: '30d', limits: { requestsPerMinute: 60, tokensPerMinute: null } },
    status: 201,
  },
  { method: 'DELETE', path: '/v1/keys/:id', tag: 'Keys', summary: 'Revokes a key' },
  { method: 'GET', path: '/v1/invites', tag: 'Keys', summary: 'Invitations of devices' },
  {
    method: 'POST',
    path: '/v1/invites',
    tag: 'Keys',
    summary: 'Invites devices',
    body: inviteSchema,
    example: { name: 'Mum', expires: '7d' },
    status: 201,
  },
  { method: 'DELETE', path: '/v1/invites/:id', tag: 'Keys', summary: 'Takes an invitation back' },
]

const OPERATIONS: readonly Operation[] = [
  { method: 'GET', path: '/health', tag: 'Operations', summary: 'Whether the process serves' },
  { method: 'GET', path: '/ready', tag: 'Operations', summary: 'Whether a ring serves the default model' },
  { method: 'GET', path: '/version', tag: 'Operations', summary: 'Version of this server' },
  { method: 'GET', path: '/metrics', tag: 'Operations', summary: 'Figures for Prometheus', gives: ['text/plain'] },
  { method: 'GET', path: '/openapi.json', tag: 'Operations', summary: 'This document' },
  { method: 'GET', path: '/docs', tag: 'Operations', summary: 'This document as a page', gives: ['text/html'] },
  { method: 'GET', path: '/docs.css', tag: 'Operations', summary: 'How that page looks', gives: ['text/css'] },
]

const FILES: readonly Operation[] = [
  { method: 'GET', path: '/models/*path', tag: 'Files', summary: 'A file of a model, or a range of it', gives: ['application/octet-stream'] },
  {
    method: 'GET',
    path: '/hub/*path',
    tag: 'Files',
    summary: 'A file of a private repository, for devices that have a share of it',
    gives: ['application/octet-stream'],
  },
]

export const CLUSTER_OPERATIONS: readonly Operation[] = [...CLUSTER, ...CATALOG, ...KEYS, ...OPERATIONS, ...FILES]
