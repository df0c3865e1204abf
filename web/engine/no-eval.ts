/**
 * Schemas compile themselves where strings may be evaluated, and find out by trying. These pages forbid it, and browsers report the attempt
 * as a breach of the Content-Security-Policy. To be imported before any schema is made.
 */
import { config } from 'zod'

config({ jitless: true })
