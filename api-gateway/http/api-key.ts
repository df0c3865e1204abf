/** Names for the key of a request that do not tell it. */
import type { Request } from 'express'
import { createHmac, randomBytes } from 'node:crypto'
import { digestOf } from '../access/access-entry.ts'
import { secretOf } from './authorize.ts'

/** The same for all requests without a key. */
export const keyDigestOf = (request: Request): string => digestOf(secretOf(request) ?? '')

/** Of this process: what devices are told of a key leads nowhere. */
const SALT = randomBytes(32)
/** Names the key of a request to the devices of a ring. */
export const cacheScopeOf = (request: Request): string =>
  createHmac('sha256', SALT)
    .update(secretOf(request) ?? '')
    .digest('base64url')
